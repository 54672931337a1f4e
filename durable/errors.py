"""Every exception that durable raises; it must not import anything of durable.

An error says what happened, where (run, task, seq) and what to do next. Code that catches can rely
on the class; people read the text.
"""

from __future__ import annotations

from collections.abc import Sequence


class DurableError(Exception):
    """Base of all errors that durable raises on purpose.

    Args:
        message: what happened.
        run_id: the run it happened in, when there is one.
        task_id: the task or group it happened in, when there is one.
        seq: the sequence number of the event concerned, when there is one.
        hint: what to do next.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        task_id: str | None = None,
        seq: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.run_id = run_id
        self.task_id = task_id
        self.seq = seq
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        named = (("run", self.run_id), ("task", self.task_id), ("seq", self.seq))
        where = ", ".join(f"{name} {value}" for name, value in named if value is not None)
        text = f"{self.message} ({where})" if where else self.message
        return f"{text}. {self.hint}" if self.hint else text


# Definition: found before anything runs.


class DefinitionError(DurableError, ValueError):
    """The workflow, as written, cannot run."""


class UnresolvedParameter(DefinitionError):
    """A task's parameter has no bound value, upstream, channel key or default."""


class DuplicateKey(DefinitionError):
    """Two items of a map have the same key, so that their members could not be identified."""


class InvalidRunId(DurableError, ValueError):
    """A run id that is empty, too long, or holds characters that are not safe in paths and logs."""


class DivergenceError(DurableError):
    """The code's workflow differs, before the frontier, from the one the run recorded.

    Attributes:
        changes: one line for each difference, naming the task.
    """

    def __init__(
        self,
        message: str,
        *,
        changes: Sequence[str] = (),
        run_id: str | None = None,
        task_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.changes = list(changes)
        super().__init__(
            message,
            run_id=run_id,
            task_id=task_id,
            hint=hint
            or "Restore the names and the wiring, or accept the changes: resume with accept_changes=True "
            "(durable resume RUN --accept-changes)",
        )


# The machine.


class IllegalTransition(DurableError):
    """An event that the transition table does not allow in the present status."""


class UnknownEvent(DurableError):
    """An event type or a log format that this version of durable does not know."""


# Stores.


class StoreError(DurableError):
    """Something is wrong with the place where logs are kept."""


class StoreNotFound(StoreError):
    """No store is installed for that URL, or the store's place does not exist."""


class ForeignStore(StoreError):
    """The database exists and is not one of ours; nothing in it was touched."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of durable; nothing in it was touched."""


class StoreCorrupt(StoreError):
    """The database file itself is damaged: truncated, or its pages cannot be read."""


class StoreBusy(StoreError):
    """Another program held the store longer than we wait."""


class StoreFull(StoreError):
    """No space is left; what was acknowledged before is safe."""


class StoreReadOnly(StoreError):
    """The store cannot be written to."""


class LogCorrupt(StoreError):
    """Events of a run are changed, missing or out of order: the digest chain does not hold."""


class VersionConflict(StoreError):
    """Events were appended at a sequence number that is not the next one."""


class LeaseLost(StoreError):
    """Another drive took over the run; this one's append was refused."""


# Runs.


class RunNotFound(DurableError, LookupError):
    """No run has that id in this store."""


class RunAlreadyDriven(DurableError):
    """Another process, or another thread, drives the run now."""


class RunConflict(DurableError):
    """A run with that id exists and has another workflow or another input."""


class RunPruned(DurableError):
    """The run was pruned: its summary is kept, its events and values are gone."""


class RunNotEnded(DurableError):
    """What was asked can only be done with a run that has ended."""


class StepLimitExceeded(DurableError):
    """The run started more task attempts than ``max_steps`` allows."""


class CycleLimitExceeded(DurableError):
    """A task asked for more iterations than its ``max_cycles`` allows."""


class DeadlineExceeded(DurableError):
    """A task, or the run, was not done by its deadline."""


class SignalTimedOut(DurableError, TimeoutError):
    """A signal did not come in the time that its wait allowed."""


class FeedbackRefused(DurableError, ValueError):
    """An answer that does not fit its question, or that comes after a different one."""


class NoEdgeTaken(DurableError):
    """No condition of the edges that leave a step held, and the step is no terminal one."""


class TaskFailed(DurableError):
    """A task failed for good, so its run failed.

    Attributes:
        error: the recorded error: type, message, traceback, cause.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        task_id: str | None = None,
        error: object = None,
        hint: str | None = None,
    ) -> None:
        self.error = error
        super().__init__(message, run_id=run_id, task_id=task_id, hint=hint)


class ParallelGroupError(DurableError):
    """A group's policy judged that the group failed.

    Attributes:
        group_id: the group.
        failed_tasks: ``(task id, message)`` of the members that count as failed.
        successful_tasks: ids of the members that succeeded.
    """

    def __init__(
        self,
        message: str,
        *,
        group_id: str = "",
        failed_tasks: Sequence[tuple[str, str]] = (),
        successful_tasks: Sequence[str] = (),
        run_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.group_id = group_id
        self.failed_tasks = list(failed_tasks)
        # The members of a map are not copied: there may be a million of them.
        copied = isinstance(successful_tasks, (list, tuple)) or not isinstance(successful_tasks, Sequence)
        self.successful_tasks: Sequence[str] = list(successful_tasks) if copied else successful_tasks
        super().__init__(message, run_id=run_id, hint=hint)


class RunCancelled(DurableError):
    """The run was cancelled; a cancelled run stays cancelled."""


class RunSuspended(DurableError):
    """The run waits for a person, a signal or a timer; nothing is lost and no process is needed.

    Attributes:
        waiting: what the run waits for, one entry each.
    """

    def __init__(
        self, message: str, *, run_id: str | None = None, waiting: Sequence[str] = (), hint: str | None = None
    ) -> None:
        self.waiting = list(waiting)
        super().__init__(message, run_id=run_id, hint=hint)


class RunInterrupted(DurableError):
    """The drive stopped gracefully before the run ended; resume it and it goes on."""


# Values and tasks.


class PayloadError(DurableError):
    """A value could not be turned into bytes, or bytes could not be turned back into a value."""


class PayloadRefused(PayloadError):
    """A payload is unsigned or altered while DURABLE_SIGNING_KEY is set, or over the size cap."""


class ChannelError(DurableError):
    """A channel operation does not fit the value that the key holds."""


class UpstreamUnavailable(DurableError):
    """An upstream task ended without a value and the parameter has no default."""


class TaskTimedOut(DurableError):
    """A task's attempt, or its group, took longer than its timeout."""


class PoisonTask(DurableError):
    """A task was interrupted as often as it may be; its process probably dies because of it."""


class WorkerDied(DurableError):
    """The process that ran a task's body ended before the body did; the attempt is interrupted, not failed.

    Attributes:
        counted: whether it counts against the task's attempts.
    """

    def __init__(
        self,
        message: str,
        *,
        counted: bool = True,
        run_id: str | None = None,
        task_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.counted = counted
        super().__init__(message, run_id=run_id, task_id=task_id, hint=hint)


class WorkerUnavailable(DurableError):
    """No process could be had to run a task's body; the body did not run."""


class Suspended(BaseException):
    """Unwinds a body that waits for longer than a thread is held for; it starts again from the top afterwards.

    A BaseException, so that a task's ``except Exception`` does not mistake it for a failure. Let it pass.
    """


class AttemptEnded(BaseException):
    """A context was used after its attempt ended; nothing was recorded.

    A BaseException, so that a task's ``except Exception`` does not keep a dead attempt alive.
    """
