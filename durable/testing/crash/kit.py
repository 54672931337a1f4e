"""CrashKit: kill a workload's processes in many places, let the run go on, compare with an unkilled run."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import msgspec

from durable.testing.crash.exits import Exit
from durable.testing.crash.outcome import Outcome
from durable.testing.crash.processes import TIMEOUT, ForkServer, FreshInterpreters, Launcher
from durable.testing.crash.report import Report, Shortfall
from durable.testing.crash.trial import Trial
from durable.testing.crash.workload import Kill, Order, Said, Workload


class Reference(msgspec.Struct, frozen=True):
    """An unkilled run: what others are compared with.

    Attributes:
        outcome: what it came to.
        said: what its process said.
        appends: last seq of each append.
        seconds: how long its processes lived.
    """

    outcome: Outcome
    said: Said
    appends: Sequence[int]
    seconds: float


class CrashKit:
    """Stops drives of a workload wherever they can be stopped, and proves that the run goes on.

    After each kill the log is read in another process than the one that wrote it: its digests, its
    fold with and without checkpoints, and what bodies really did (written to a witness outside of the
    log) must agree. After the last drive the run must have come to the same as an unkilled one. Use it
    in a ``with`` block, or close it.

    Args:
        workload: what is driven.
        fresh: start a new interpreter for each drive (0.2 s) instead of forking a warm one (0.02 s), and
            use a new store for each run, so that kills also hit the start-up.
        store: URL of the stores, with ``{place}`` for the folder and ``{number}`` for which of them.
        place: where to make a folder for stores and witnesses, which stays if something failed; None for
            where temporary files go.
        checkpoint_every: take a checkpoint after so many events; 0 leaves it to the engine, which
            takes none in short runs.
        lease_seconds: how long leases last; 0 leaves it to the store.
        timeout: seconds after which a drive hangs.
    """

    def __init__(
        self,
        workload: Workload,
        *,
        fresh: bool = False,
        store: str = "sqlite:///{place}/{number}.db",
        place: Path | None = None,
        checkpoint_every: int = 10,
        lease_seconds: float = 0.0,
        timeout: float = TIMEOUT,
    ) -> None:
        self.workload = workload
        self.fresh = fresh
        self._store = store
        self._place = Path(tempfile.mkdtemp(prefix="durable-crash-", dir=place)).absolute()
        self._checkpoint_every = checkpoint_every
        self._lease_seconds = lease_seconds
        self._output = self._place / "output.txt"
        self._trials = 0
        self._failed = False
        self._launcher: Launcher = (
            FreshInterpreters(self._output, timeout) if fresh else ForkServer(self._output, timeout)
        )

    def trial(self) -> Trial:
        """Return a new run of the workload, with nothing driven yet."""
        self._trials += 1
        order = Order(
            self.workload,
            f"run-{self._trials}",
            self._url(self._trials if self.fresh else 0),
            str(self._place / f"witness-{self._trials}.jsonl"),
            checkpoint_every=self._checkpoint_every,
            lease_seconds=self._lease_seconds,
        )
        return Trial(self._launcher, order, self._output)

    @cached_property
    def reference(self) -> Reference:
        """An unkilled run of the workload.

        Raises:
            AssertionError: not even that went as it has to.
        """
        self.trial().drive_on()  # the first one also warms up
        trial = self.trial()
        exit = trial.drive_on()
        if trial.problems or exit.said is None or not exit.status:
            raise AssertionError(f"{self.workload!r} does not run unkilled: {trial.problems} {exit}")
        return Reference(trial.outcome(), exit.said, trial.appends(), trial.seconds)

    def run_killed(self, kills: Sequence[Kill]) -> Report:
        """Drive one run, killing its first processes, and let the last one end it.

        Args:
            kills: where each process is killed, one after another.
        """
        reference = self.reference
        began = time.monotonic()
        trial = self.trial()
        landed = 0
        for kill in kills:
            exit = trial.drive_on(kill)
            landed += exit.killed
            if not exit.killed:
                trial.problems += _complaints(exit)
        trial.problems += _complaints(trial.drive_on(), reference.said, self.workload.loose)
        if not trial.problems:
            trial.problems += reference.outcome.differences(trial.outcome(), loose=self.workload.loose)
        found = []
        if trial.problems:
            self._failed = True
            found = [Shortfall(self.workload, kills, trial.problems, trial.url, trial.run_id, self.fresh)]
        return Report(1, len(kills), landed, time.monotonic() - began, found)

    def boundaries(self, *, then: Sequence[Kill] = (), at_most: int | None = None, seed: int = 0) -> Report:
        """Kill a run before and after the commit of every append of the unkilled run.

        Args:
            then: kills of the processes that follow.
            at_most: take only so many of these kills, chosen by chance.
            seed: for the choice.
        """
        kills = [kill for seq in self.reference.appends for kill in (Kill.before(seq), Kill.after(seq))]
        if at_most is not None and at_most < len(kills):
            kills = random.Random(seed).sample(kills, at_most)
        return self._all([kill, *then] for kill in kills)

    def random_kills(self, count: int, seed: int, *, double: float = 0.3) -> Report:
        """Kill runs at random instants between the start of the process and the end of an unkilled one.

        Args:
            count: how many runs.
            seed: for the instants; the report names each, so that one can be repeated alone.
            double: share of the runs whose next process is killed too.
        """
        draw, seconds = random.Random(seed), self.reference.seconds
        plans = []
        for _ in range(count):
            kills = 1 + (draw.random() < double)
            plans.append([Kill.at(draw.uniform(0, seconds)) for _ in range(kills)])
        return self._all(plans)

    def _all(self, plans: Iterable[Sequence[Kill]]) -> Report:
        report = Report()
        for kills in plans:
            report += self.run_killed(kills)
        return report

    def _url(self, number: int) -> str:
        return self._store.format(place=quote(str(self._place)), number=number)

    def close(self) -> None:
        """Remove the temporary folder, if nothing failed."""
        if not self._failed:
            shutil.rmtree(self._place, ignore_errors=True)

    def __enter__(self) -> CrashKit:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._failed = self._failed or kind is not None
        self.close()


def _complaints(exit: Exit, expected: Said | None = None, loose: bool = False) -> list[str]:
    """What is wrong with how a process ended that was not killed."""
    said = exit.said
    if said is None:
        return [f"the process died with code {exit.code}"]
    if not said.status:
        return [f"the run did not continue: {said.raised}: {said.message}\n{said.traceback}"]
    if expected is None:
        return []
    same = (said.status, said.raised) == (expected.status, expected.raised)
    if not same or not (loose or said.result == expected.result):
        return [f"its process reported {said}, the unkilled one {expected}"]
    return []
