"""Listing runs without their events. It must not load a payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from durable.store import RunInfo
from durable_sqlite.leases import Leases
from durable_sqlite.part import pruned_of

_CHUNK = 256
_LAST = 2**63 - 1

_RUNS = """SELECT r.run, r.run_id, r.workflow, r.status, r.created, e.time, e.seq, r.file, r.input,
  r.due, EXISTS (SELECT 1 FROM inbox i WHERE i.run = r.run AND i.consumed IS NULL),
  r.pruned, r.summary, l.host, l.expires, l.expires_monotonic, l.file
FROM runs r
LEFT JOIN events e ON e.run = r.run AND e.seq = (SELECT max(seq) FROM events WHERE run = r.run)
LEFT JOIN leases l ON l.run_id = r.run_id AND l.owner IS NOT NULL
WHERE """


class Listing(Leases):
    """The part of the store that lists runs; it needs the leases to say which are driven."""

    def run(self, run_id: str) -> RunInfo | None:
        """Return one run; see ``Store.run``."""
        for row in self._link.read(_RUNS + "r.run_id = ?", (run_id,), run_id):
            return self._info(row)
        return None

    def runs(
        self, *, status: str | None = None, workflow: str | None = None, limit: int | None = None
    ) -> Iterator[RunInfo]:
        """Yield runs, newest first; see ``Store.runs``."""
        where, values = _filter(status, workflow)
        before = _LAST
        left = _LAST if limit is None else limit
        while left > 0:
            rows = self._link.read(_RUNS + where, (before, *values, min(left, _CHUNK)))
            for row in rows:
                info = self._info(row)
                if status is None or info.shown_status == status:
                    left -= 1
                    yield info
            if not rows:
                return
            before = rows[-1][0]

    def _info(self, row: tuple[Any, ...]) -> RunInfo:
        _, run_id, workflow, status, created, updated, seq, file, digest, due, messages, time, summary, *lease = row
        pruned = None if time is None else pruned_of(time, summary)
        if pruned is not None:
            updated, seq = pruned.ended, pruned.events
        return RunInfo(
            run_id,
            workflow,
            status,
            created,
            updated or created,
            seq or 0,
            driven=self.is_alive(*lease),
            file=file,
            input=digest,
            due=due,
            messages=bool(messages),
            pruned=pruned,
        )


def _filter(status: str | None, workflow: str | None) -> tuple[str, list[str]]:
    conditions = ["r.run < ?"]
    values: list[str] = []
    if status is not None:
        # A run is also shown as interrupted when it is recorded as running and nobody drives it.
        recorded = ("interrupted", "running") if status == "interrupted" else (status,)
        conditions.append(f"r.status IN ({', '.join('?' * len(recorded))})")
        values += recorded
    if workflow is not None:
        conditions.append("r.workflow = ?")
        values.append(workflow)
    return " AND ".join(conditions) + " ORDER BY r.run DESC LIMIT ?", values
