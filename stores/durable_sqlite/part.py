"""What the parts of the SQLite store share: the link to the database, the lease files and the clock."""

from __future__ import annotations

import sqlite3

import msgspec

from durable.clock import Clock
from durable.core.sizes import Pruned, pruned_error
from durable.errors import LeaseLost
from durable_sqlite import sql
from durable_sqlite.connection import Link
from durable_sqlite.dictionaries import Dictionaries
from durable_sqlite.drives import Drives


class Part:
    """A part of the store; ``SQLiteStore`` is made of all of them."""

    _link: Link
    _drives: Drives
    _dictionaries: Dictionaries
    _files: dict[tuple[str, int], str]
    clock: Clock


def lease_lost(run_id: str, token: int) -> LeaseLost:
    """Return the error for a token that is not that of the present lease."""
    return LeaseLost(
        f"another drive took over, or the lease was released: token {token} is not valid; nothing was recorded",
        run_id=run_id,
        hint="Stop this drive; the other one goes on (durable show RUN)",
    )


def pruned_of(time: int, summary: str | None) -> Pruned:
    """Return what a run's row keeps of it since it was pruned."""
    return msgspec.convert({"time": time, **msgspec.json.decode(summary or "{}")}, Pruned)


def refuse_pruned(link: Link | sqlite3.Connection, run_id: str) -> None:
    """Raise ``RunPruned`` if the run was pruned.

    Args:
        link: the database, or the connection inside a transaction.
        run_id: the run.
    """
    found = (
        link.read(sql.SELECT_PRUNED, (run_id,))
        if isinstance(link, Link)
        else link.execute(sql.SELECT_PRUNED, (run_id,))
    )
    for status, time, summary in found:
        raise pruned_error(run_id, status, pruned_of(time, summary))
