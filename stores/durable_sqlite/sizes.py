"""What a run takes. It must not decode anything."""

from __future__ import annotations

from durable.core.sizes import Sizes
from durable_sqlite import sql
from durable_sqlite.base import any_run_key
from durable_sqlite.database import Database


def measure(database: Database, run_id: str) -> Sizes:
    """Return what a run takes. Raises ``RunNotFound``."""
    run = any_run_key(database, run_id)
    payloads: dict[str, int] = {}
    events = log = shared = 0
    for kind, count, texts, inline in database.read(sql.SELECT_LOG_SIZES, (run,), run_id):
        events, log = events + count, log + texts
        payloads[kind] = inline
    for kind, size, is_shared in database.read(sql.SELECT_BLOB_SIZES, (run, run), run_id):
        if is_shared:
            shared += size
        else:
            payloads[kind] = payloads.get(kind, 0) + size
    ((checkpoints,),) = database.read(sql.SELECT_CHECKPOINTS_SIZE, (run,))
    ((messages,),) = database.read(sql.SELECT_INBOX_SIZE, (run,))
    payloads = {kind: size for kind, size in payloads.items() if size}
    return Sizes(events, log, payloads, shared, checkpoints, messages)
