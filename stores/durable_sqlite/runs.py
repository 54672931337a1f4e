"""Listing runs without their events. It must not load a payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from durable.store import RunInfo
from durable_sqlite import sql
from durable_sqlite.base import StoreBase, decode_pruned
from durable_sqlite.leases import is_alive

_PAGE_ROWS = 256


class Runs(StoreBase):
    """The part of the store that lists runs."""

    def run(self, run_id: str) -> RunInfo | None:
        """Return one run; see ``Store.run``."""
        return run_info(self, run_id)

    def runs(
        self, *, status: str | None = None, workflow: str | None = None, limit: int | None = None
    ) -> Iterator[RunInfo]:
        """Yield runs, newest first; see ``Store.runs``."""
        statuses = _recorded(status)
        query = sql.select_runs(statuses=len(statuses), workflow=workflow is not None)
        values = statuses if workflow is None else (*statuses, workflow)
        before = sql.MAX_INTEGER
        left = sql.MAX_INTEGER if limit is None else limit
        while left > 0:
            rows = self._database.read(query, (before, *values, min(left, _PAGE_ROWS)))
            for row in rows:
                info = _info(self, row)
                if status is None or info.shown_status == status:
                    left -= 1
                    yield info
            if not rows:
                return
            before = rows[-1][0]


def run_info(store: StoreBase, run_id: str) -> RunInfo | None:
    """Return one run, or None. In a transaction, it is read inside of that."""
    for row in store._database.read(sql.SELECT_RUN, (run_id,), run_id):
        return _info(store, row)
    return None


def _info(store: StoreBase, row: tuple[Any, ...]) -> RunInfo:
    _, run_id, workflow, status, created, updated, seq, file, digest, due, messages, time, summary, *lease = row
    pruned = None if time is None else decode_pruned(time, summary)
    if pruned is not None:
        updated, seq = pruned.ended, pruned.events
    return RunInfo(
        run_id,
        workflow,
        status,
        created,
        updated or created,
        seq or 0,
        driven=is_alive(store, *lease),
        file=file,
        input=digest,
        due=due,
        messages=bool(messages),
        pruned=pruned,
    )


def _recorded(status: str | None) -> tuple[str, ...]:
    """Return the recorded statuses of runs that are shown with this one; none for all."""
    if status is None:
        return ()
    # A run is also shown as interrupted when it is recorded as running and nobody drives it.
    return ("interrupted", "running") if status == "interrupted" else (status,)
