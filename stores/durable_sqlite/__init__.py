"""SQLite store: logs in one file, readable in plain SQL, no server.

Its job is to keep what the Store contract names, durably, between processes that write at the same
time. It must not fold events, decode payloads or know what a workflow is.
"""

from __future__ import annotations

from durable.clock import Clock, SystemClock
from durable_sqlite.store import SQLiteStore
from durable_sqlite.url import parse_url

__all__ = ["SQLiteStore", "open_store"]


def open_store(url: str, clock: Clock | None = None) -> SQLiteStore:
    """Open the SQLite store that a URL names; a file that is not there is created.

    Args:
        url: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``, percent-encoded where needed. Options:
            ``synchronous=full`` (default) or ``normal`` (loses acknowledged events on power loss);
            ``timeout=`` seconds to wait for another writer, 60 by default; ``dictionary=off`` keeps small
            values readable in plain SQL, however many there are.
        clock: time for leases; None for the system's.

    Raises:
        StoreError: it cannot be opened: not ours, too new, damaged, or an option that is not known.
    """
    return SQLiteStore(parse_url(url), url, clock or SystemClock())
