"""What the parts of the SQLite store share: the link to the database, the lease files and the clock."""

from __future__ import annotations

from durable.clock import Clock
from durable.errors import LeaseLost
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
