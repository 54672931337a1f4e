"""Memory store: the Store contract without a disk, for tests and for runs that need not survive.

Its job is to behave like any other store as long as the process lives. It must not be used for what
has to survive it.
"""

from __future__ import annotations

from threading import Lock

from durable.clock import Clock, SystemClock
from durable.errors import StoreError
from durable_memory.database import Database
from durable_memory.store import MemoryStore

__all__ = ["MemoryStore", "open_store"]

_named: dict[str, Database] = {}
_lock = Lock()


def open_store(url: str = "memory://", clock: Clock | None = None) -> MemoryStore:
    """Open a store in memory.

    Args:
        url: ``memory://`` for a new and empty one, ``memory://name`` for the one of that name in this
            process, which outlives being closed.
        clock: time for leases; None for the system's.

    Raises:
        StoreError: it is not a memory URL, or has options.
    """
    scheme, _, name = url.partition("://")
    if scheme != "memory" or "?" in name:
        raise StoreError(f"{url!r} does not name a store in memory", hint="Write memory:// or memory://name")
    with _lock:
        database = _named.setdefault(name, Database()) if name else Database()
    return MemoryStore(database, url, clock or SystemClock())
