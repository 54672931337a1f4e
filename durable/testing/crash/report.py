"""Report: how many kills a workload took, what went wrong, and how to see it again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from durable.testing.crash.workload import Kill, Workload


class Shortfall(msgspec.Struct, frozen=True):
    """One sequence of kills after which not everything was as it has to be.

    Attributes:
        workload: what was driven; fresh: by newly started interpreters.
        kills: where its processes were killed, one after another.
        problems: one line each.
        store, run_id: where the log is.
    """

    workload: Workload
    kills: Sequence[Kill]
    problems: Sequence[str]
    store: str
    run_id: str
    fresh: bool = False

    def __str__(self) -> str:
        problems = "".join(f"\n    {line}" for line in self.problems)
        fresh = ", fresh=True" if self.fresh else ""
        kills = ", ".join(map(repr, self.kills))
        return (
            f"{self.workload.workflow or self.workload.file}, killed at [{kills}]:{problems}\n"
            f"    log: durable log {self.run_id} --store {self.store}\n"
            f"    again: CrashKit({self.workload!r}{fresh}).run_killed([{kills}])"
        )


class Report(msgspec.Struct, frozen=True):
    """What a series of kills showed.

    Attributes:
        runs: runs that were driven to their end; kills: kills that were planned for them.
        landed: kills that hit a process before it had finished.
        seconds: how long it took.
        shortfalls: what went wrong.
    """

    runs: int = 0
    kills: int = 0
    landed: int = 0
    seconds: float = 0.0
    shortfalls: Sequence[Shortfall] = ()

    def __add__(self, other: Report) -> Report:
        """Return both together."""
        return Report(
            self.runs + other.runs,
            self.kills + other.kills,
            self.landed + other.landed,
            self.seconds + other.seconds,
            (*self.shortfalls, *other.shortfalls),
        )

    def check(self) -> Report:
        """Return the report itself if nothing went wrong.

        Raises:
            AssertionError: naming the workload and its kills, each problem, and how to repeat it.
        """
        if self.shortfalls:
            shown = "\n".join(map(str, self.shortfalls[:5]))
            raise AssertionError(f"{len(self.shortfalls)} of {self.runs} killed runs went wrong:\n{shown}")
        return self

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.landed} of {self.kills} kills landed, "
            f"{len(self.shortfalls)} went wrong, {self.seconds:.1f} s"
        )
