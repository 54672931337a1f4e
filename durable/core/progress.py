"""Progress: how far a run is, how fast it goes and what is slow, as data. It must not measure; that is the gauge's."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks, or members of a group, are where, and how fast they get done.

    Attributes:
        total: all that are known, also those that are known to come.
        done: those that have an outcome: succeeded, failed, cancelled or skipped.
        succeeded, cancelled, skipped: by outcome.
        failed: those that failed or ran out of time.
        running: those that run now.
        waiting: those that back off before another attempt, or wait for a person, a signal or a timer.
        pending: those that have not started, and those that were interrupted and will start again.
        rate: how many succeed or fail a second, lately; until its last event when nobody drives the run; None
            before anything has.
        left: seconds until all are done, if it goes on like this; None when that cannot be known: nobody drives the
            run, nothing has been done yet, or more is being added.
    """

    total: int
    done: int
    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    running: int
    waiting: int
    pending: int
    rate: float | None = None
    left: float | None = None


class GroupProgress(Counts, frozen=True, kw_only=True):
    """How far a group is; its members are counted, each once, whatever it consists of.

    Attributes:
        id: the group.
        status: its status.
        growing: whether members are still being added, nobody knows how many.
    """

    id: str
    status: str
    growing: bool = False


class RunningTask(msgspec.Struct, frozen=True):
    """A task that runs now.

    Attributes:
        id: the task.
        attempt: the number of its attempt.
        seconds: since the attempt started.
    """

    id: str
    attempt: int
    seconds: float


class FailedTask(msgspec.Struct, frozen=True):
    """A task that failed or ran out of time.

    Attributes:
        id: the task.
        error: type and message, in one line.
    """

    id: str
    error: str


class Progress(Counts, frozen=True, kw_only=True):
    """How far a run is.

    Attributes:
        run_id: the run.
        status: its status; ``interrupted`` when it has not ended and nobody drives it.
        growing: whether tasks are still being added, nobody knows how many, so that ``total`` is not the last word.
        slowest: tasks that run now, the longest first; at most 5.
        failures: the last tasks that failed, the latest first; at most 3.
        groups: groups that have started and have no verdict, then those that have; at most 20.
    """

    run_id: str
    status: str
    growing: bool = False
    slowest: tuple[RunningTask, ...] = ()
    failures: tuple[FailedTask, ...] = ()
    groups: tuple[GroupProgress, ...] = ()
