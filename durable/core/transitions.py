"""The one transition table: (status, event) -> status, for run, task and group.

Everything that changes a status stands here; what is not in the table is an error. The state
diagrams in the docs are generated from it. It must not hold logic.
"""

from __future__ import annotations

from durable.errors import IllegalTransition

PENDING, RUNNING, WAITING, INTERRUPTED, SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, SKIPPED, SUSPENDED = range(10)

STATUSES = (
    "pending", "running", "waiting", "interrupted", "succeeded", "failed", "timed_out", "cancelled", "skipped",
    "suspended",
)  # fmt: skip
"""Names of the statuses, by number. ``waiting`` is a task that backs off before its next attempt; ``suspended`` is one,
or a run, that waits for a person, a signal or a timer."""

TASK: dict[int, dict[str, int]] = {
    PENDING: {
        "TaskStarted": RUNNING,
        "TaskSkipped": SKIPPED,
        "TaskTimedOut": TIMED_OUT,
        "TaskFailed": FAILED,
        "TaskCancelled": CANCELLED,  # one that waits for its next iteration has begun
    },
    RUNNING: {
        "TaskSucceeded": SUCCEEDED,
        "TaskIterated": PENDING,
        "TaskSuspended": SUSPENDED,
        "TaskFailed": FAILED,
        "TaskTimedOut": TIMED_OUT,
        "TaskRetryScheduled": WAITING,
        "TaskInterrupted": INTERRUPTED,
        "TaskCancelled": CANCELLED,
    },
    WAITING: {
        "TaskStarted": RUNNING,
        "TaskCancelled": CANCELLED,
        "TaskTimedOut": TIMED_OUT,
        "TaskReopened": PENDING,
    },
    INTERRUPTED: {
        "TaskStarted": RUNNING,
        "TaskFailed": FAILED,
        "TaskCancelled": CANCELLED,
        "TaskTimedOut": TIMED_OUT,
        "TaskReopened": PENDING,
    },
    SUSPENDED: {
        "TaskStarted": RUNNING,
        "TaskCancelled": CANCELLED,
        "TaskTimedOut": TIMED_OUT,
        "TaskReopened": PENDING,
    },
    SUCCEEDED: {"TaskReopened": PENDING},
    FAILED: {"TaskReopened": PENDING},
    TIMED_OUT: {"TaskReopened": PENDING},
    CANCELLED: {"TaskReopened": PENDING},
    SKIPPED: {"TaskReopened": PENDING},
}

GROUP: dict[int, dict[str, int]] = {
    PENDING: {"GroupStarted": RUNNING, "GroupSkipped": SKIPPED},
    RUNNING: {
        "GroupSucceeded": SUCCEEDED,
        "GroupFailed": FAILED,
        "GroupRetryRequested": RUNNING,
        "GroupCancelled": CANCELLED,
    },
    SUCCEEDED: {},
    FAILED: {"GroupReopened": RUNNING},
    CANCELLED: {"GroupReopened": RUNNING},
    SKIPPED: {"GroupReopened": PENDING},
}

RUN: dict[int, dict[str, int]] = {
    PENDING: {"RunCreated": RUNNING},
    RUNNING: {
        "RunInterrupted": INTERRUPTED,
        "RunSuspended": SUSPENDED,
        "RunForked": INTERRUPTED,
        "RunContinued": RUNNING,
        "RunSucceeded": SUCCEEDED,
        "RunFailed": FAILED,
        "RunCancelled": CANCELLED,
    },
    INTERRUPTED: {"RunContinued": RUNNING, "RunSucceeded": SUCCEEDED, "RunCancelled": CANCELLED},
    SUSPENDED: {"RunContinued": RUNNING, "RunSucceeded": SUCCEEDED, "RunCancelled": CANCELLED},
    SUCCEEDED: {},
    FAILED: {"RunResumed": RUNNING},
    CANCELLED: {},
}

TABLES = {"run": RUN, "task": TASK, "group": GROUP}

ENDED = frozenset({SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, SKIPPED})
"""Statuses in which a subject has an outcome."""

RUN_ENDS = {"RunSucceeded": "succeeded", "RunFailed": "failed", "RunCancelled": "cancelled"}
"""Events that end a run, with the status they lead to."""

RUN_STATUS_AFTER = {event: STATUSES[after] for moves in RUN.values() for event, after in moves.items()}
"""The run's status after each run event, so that a store can list runs without folding them."""


def next_status(
    subject: str, status: int, event_type: str, *, task_id: str | None = None, seq: int | None = None
) -> int:
    """Return the status that the event leads to.

    Raises:
        IllegalTransition: the table has no such move.
    """
    after = TABLES[subject][status].get(event_type)
    if after is None:
        raise IllegalTransition(
            f"{event_type} is not allowed while the {subject} is {STATUSES[status]}",
            task_id=task_id,
            seq=seq,
            hint="The log was not written by this engine, or events are missing: run durable verify",
        )
    return after
