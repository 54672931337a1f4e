"""Progress of runs, for those who watch: in the process that drives a run, or in another one.

It never slows a drive down: the driver hands its state over once, and who wants to know looks at it on a thread of
its own. It must not print.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread
from typing import Any

from durable.clock import Arrivals, Clock, SystemClock
from durable.core.events import Event
from durable.core.progress import Counts, FailedTask, GroupProgress, Progress, RunningTask
from durable.core.progress_counts import ProgressCounter
from durable.core.state import RunState
from durable.engine.follower import Follower
from durable.errors import DurableError
from durable.store import RunInfo, Store

__all__ = ["Counts", "FailedTask", "GroupProgress", "Meter", "Progress", "Reporter", "RunningTask", "Watch", "line"]

LOG_SECONDS = 30.0
"""Seconds between two lines of progress in the log."""
LONGEST = 600.0
"""Seconds between two lines when nothing gets done meanwhile."""
SLOW = 10.0
"""Seconds after which a running task is worth naming."""
LARGE = 20
"""Tasks from which on a rate says something."""


class Meter:
    """Measures a run that is read from its store, as often as somebody asks. Safe to use from several threads.

    Args:
        store: where its log is.
        run_id: the run.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._follower = Follower(store, run_id)
        self._gauge = ProgressCounter(lambda seq: described(store, run_id, seq))
        self._lock = Lock()

    def read(self, info: RunInfo, state: RunState | None = None) -> Progress:
        """Return how far the run is.

        Args:
            info: the run as it is listed now.
            state: its state now, if somebody has it.
        """
        with self._lock:
            state = state or self._follower.state(info)
            return self._gauge.read(state, self._store.clock.now(), info.shown_status)


class Watch:
    """Watches one drive from inside its process.

    Args:
        store: where failures are read from; None shows how many there are, without their errors.

    Attributes:
        state: the run's, owned by the driver; None before the drive's first commit.
        began: called once, on the driver, when the first commit is durable and no body has started.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store
        self.state: RunState | None = None
        self.began: Callable[[RunState], None] = lambda state: None
        self._gauge = ProgressCounter(self._describe)
        self._lock = Lock()
        self._since = self.clock.monotonic()

    @property
    def clock(self) -> Clock:
        """The store's clock."""
        return self.store.clock if self.store is not None else SystemClock()

    def observe(self, state: RunState, _events: list[Event]) -> None:
        """Take note of the state with the first commit; an observer of the drive."""
        if self.state is None:
            self._since = self.clock.monotonic()
            self.state = state
            self.began(state)

    @property
    def seconds(self) -> float:
        """How long the drive has lasted."""
        return self.clock.monotonic() - self._since

    def progress(self) -> Progress | None:
        """Look how far the run is; None before its first commit. Safe from any thread."""
        if self.state is None:
            return None
        with self._lock:
            return self._gauge.read(self.state, self.clock.now())

    def _describe(self, seq: int) -> FailedTask | None:
        if self.store is None or self.state is None:
            return None
        return described(self.store, self.state.run_id, seq)


class Reporter:
    """A context manager that says now and then how far a run is, on a thread of its own.

    Args:
        look: returns how far it is; None while there is nothing to say.
        say: takes it.
        clock: what the time is read from.
        first: seconds until it is said for the first time.
        every: seconds between two times; longer and longer while nothing gets done.
    """

    def __init__(
        self,
        look: Callable[[], Progress | None],
        say: Callable[[Progress], Any],
        clock: Clock,
        first: float,
        every: float,
    ) -> None:
        self._look = look
        self._say = say
        self._clock = clock
        self._first = first
        self._every = every
        self._over = Arrivals()
        self._thread = Thread(target=self._report, name="durable-progress", daemon=True)

    def __enter__(self) -> Reporter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.put("over")
        self._thread.join()

    def _report(self) -> None:
        wait, before = self._first, -1
        while self._clock.take(self._over, wait) is None:
            now = self._look()
            if now is not None:
                self._say(now)
            done = now.done if now is not None else -1
            wait = self._every if done != before else min(wait * 2, max(LONGEST, self._every))
            before = done


def described(store: Store, run_id: str, seq: int) -> FailedTask | None:
    """Return what failed by the event that says so; None when it cannot be read (yet)."""
    try:
        event = store.event(run_id, seq)
    except DurableError:
        return None
    return FailedTask(event.task_id or "", str(event.fields.get("error", "")))


def line(now: Progress) -> str:
    """Return progress as one line: ``1,204 of 50,000 done, 8 running, 3 failed, 41/s, about 20 min left``."""
    total = f"{now.total:,}{'+' if now.growing else ''}"
    parts = [f"{now.done:,} of {total} done", f"{now.running:,} running"]
    parts += [f"{number:,} {word}" for number, word in ((now.waiting, "waiting"), (now.failed, "failed")) if number]
    parts += [speed(now)] if speed(now) else []
    if now.slowest and now.slowest[0].seconds >= SLOW:
        parts.append(f"the slowest is {now.slowest[0].id} ({roughly(now.slowest[0].seconds)})")
    return ", ".join(parts)


def speed(now: Progress) -> str:
    """Return rate and time left, of a run that is large enough for them to say something."""
    if now.rate is None or now.total < LARGE:
        return ""
    return per_second(now.rate) + (f", about {roughly(now.left)} left" if now.left else "")


def slowest(now: Progress) -> str:
    """Return the tasks that run, the slowest first, with their time where it is long."""
    names = [f"{one.id} ({roughly(one.seconds)})" if one.seconds >= SLOW else one.id for one in now.slowest]
    more = f" and {now.running - len(names):,} more" if now.running > len(names) else ""
    return f"{', '.join(names)}{more}"


def per_second(rate: float) -> str:
    """Return a rate per second in the unit that suits it: ``41/s``, ``2.5/s``, ``12/min``, ``3.1/h``."""
    for size, unit in ((1, "s"), (60, "min")):
        if rate * size >= 1:
            return f"{_short(rate * size)}/{unit}"
    return f"{_short(rate * 3600)}/h"


def roughly(seconds: float) -> str:
    """Return a duration without false precision: ``8 s``, ``20 min``, ``1 h 5 min``, ``3 days 4 h``."""
    if seconds < 100:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24:,} days {hours % 24} h"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"
