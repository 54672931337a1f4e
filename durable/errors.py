"""Every exception that durable raises; it must not import anything of durable.

An error says what happened, where (run, task, seq) and what to do next. Code that catches can rely
on the class; people read the text.
"""

from __future__ import annotations

from collections.abc import Sequence


class DurableError(Exception):
    """Base of all errors that durable raises on purpose.

    What to do: read ``hint``.

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
    """The workflow, as written, cannot run.

    What to do: correct the workflow; the text names the task or group.
    """


class UnresolvedParameter(DefinitionError):
    """A task's parameter has no bound value, upstream, channel key or default.

    What to do: bind the parameter, give it a default, link a task of its name before it, or give it as input.
    """


class DuplicateKey(DefinitionError):
    """Two items of a map have the same key, so that their members could not be identified.

    What to do: let ``key=`` identify the items, or drop one of them.
    """


class InvalidRunId(DurableError, ValueError):
    """A run id that is empty, too long, or holds characters that are not safe in paths and logs.

    What to do: use letters, digits, ``.``, ``-``, ``_`` or ``:``, 200 characters at most.
    """


class DivergenceError(DurableError):
    """The code's workflow differs, before the frontier, from the one the run recorded.

    What to do: restore the names and the wiring, or resume with ``accept_changes=True`` (``--accept-changes``).

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
    """An event that the transition table does not allow in the present status.

    What to do: run ``durable verify``: events are missing, or something else has written to the log.
    """


class UnknownEvent(DurableError):
    """An event type or a log format that this version of durable does not know.

    What to do: install the version of durable that wrote the log, or a newer one.
    """


# Stores.


class StoreError(DurableError):
    """Something is wrong with the place where logs are kept.

    What to do: read the text; it names the place and what the system said.
    """


class StoreNotFound(StoreError):
    """No store is installed for that URL, or the store's place does not exist.

    What to do: correct the URL or the path, or install the distribution that has the store.
    """


class ForeignStore(StoreError):
    """The database exists and is not one of ours; nothing in it was touched.

    What to do: name another file for the store.
    """


class StoreTooNew(StoreError):
    """The store was written by a newer version of durable; nothing in it was touched.

    What to do: install a newer version of durable.
    """


class StoreCorrupt(StoreError):
    """The database file itself is damaged: truncated, or its pages cannot be read.

    What to do: restore the file from a backup, or name another.
    """


class StoreBusy(StoreError):
    """Another program held the store longer than we wait.

    What to do: find the process that holds the file, and stop it; then do the same again.
    """


class StoreFull(StoreError):
    """No space is left; what was acknowledged before is safe.

    What to do: free space, then resume the run.
    """


class StoreReadOnly(StoreError):
    """The store cannot be written to.

    What to do: make the file and its folder writable.
    """


class LogCorrupt(StoreError):
    """Events of a run are changed, missing or out of order: the digest chain does not hold.

    What to do: run ``durable verify``, which names the place, and restore the store from a backup.
    """


class VersionConflict(StoreError):
    """Events were appended at a sequence number that is not the next one.

    What to do: load the run again and decide anew; only those who append events themselves see it.
    """


class LeaseLost(StoreError):
    """Another drive took over the run; this one's append was refused.

    What to do: nothing: the other drive goes on with the run.
    """


# Runs.


class RunNotFound(DurableError, LookupError):
    """No run has that id in this store.

    What to do: look for the run with ``durable runs``; perhaps it is in another store.
    """


class RunAlreadyDriven(DurableError):
    """Another process, or another thread, drives the run now.

    What to do: wait until the other drive is done, or stop it.
    """


class RunConflict(DurableError):
    """A run with that id exists and has another workflow or another input.

    What to do: choose another run id, or resume the run without naming an input.
    """


class RunPruned(DurableError):
    """The run was pruned: its summary is kept, its events and values are gone.

    What to do: begin another run; ``durable show RUN`` says what is still known of this one.
    """


class RunNotEnded(DurableError):
    """What was asked can only be done with a run that has ended.

    What to do: resume the run, or cancel it, and ask again.
    """


class StepLimitExceeded(DurableError):
    """The run started more task attempts than ``max_steps`` allows.

    What to do: look for a loop that does not end, or resume the run: it gets as many attempts again.
    """


class CycleLimitExceeded(DurableError):
    """A task asked for more iterations than its ``max_cycles`` allows.

    What to do: raise ``max_cycles``, or end the loop before.
    """


class DeadlineExceeded(DurableError):
    """A task, or the run, was not done by its deadline.

    What to do: resume the run if its work is still wanted.
    """


class SignalTimedOut(DurableError, TimeoutError):
    """A signal did not come in the time that its wait allowed.

    What to do: catch it in the task, or send the signal and resume the run.
    """


class FeedbackRefused(DurableError, ValueError):
    """An answer that does not fit its question, or that comes after a different one.

    What to do: give an answer that fits; ``durable waiting`` says what is asked.
    """


class NoEdgeTaken(DurableError):
    """No condition of the edges that leave a step held, and the step is no terminal one.

    What to do: add an edge for this case, or name the step among the ``terminal_steps``.
    """


class TaskFailed(DurableError):
    """A task failed for good, so its run failed.

    What to do: mend what the recorded error says, then resume the run.

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

    What to do: mend what the members' errors say and resume the run, perhaps by another policy.

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
    """The run was cancelled; a cancelled run stays cancelled.

    What to do: fork the run, or begin another one.
    """


class RunSuspended(DurableError):
    """The run waits for a person, a signal or a timer; nothing is lost and no process is needed.

    What to do: bring what it waits for, then resume it.

    Attributes:
        waiting: what the run waits for, one entry each.
    """

    def __init__(
        self, message: str, *, run_id: str | None = None, waiting: Sequence[str] = (), hint: str | None = None
    ) -> None:
        self.waiting = list(waiting)
        super().__init__(message, run_id=run_id, hint=hint)


class RunInterrupted(DurableError):
    """The drive stopped gracefully before the run ended; resume it and it goes on.

    What to do: resume the run.
    """


# Values and tasks.


class PayloadError(DurableError):
    """A value could not be turned into bytes, or bytes could not be turned back into a value.

    What to do: record something that can be pickled, or a path to it; the text says where it fails.
    """


class PayloadRefused(PayloadError):
    """A payload is unsigned or altered while DURABLE_SIGNING_KEY is set, or over the size cap.

    What to do: set the key that signed the payload, or raise ``DURABLE_MAX_PAYLOAD``; else it is not to be trusted.
    """


class ChannelError(DurableError):
    """A channel operation does not fit the value that the key holds.

    What to do: use another key, or ``set`` it before.
    """


class UpstreamUnavailable(DurableError):
    """An upstream task ended without a value and the parameter has no default.

    What to do: give the parameter a default, if the task can do without the value.
    """


class TaskTimedOut(DurableError):
    """A task's attempt, or its group, took longer than its timeout.

    What to do: give it more time, retries or a default, or find out why it hangs.
    """


class PoisonTask(DurableError):
    """A task was interrupted as often as it may be; its process probably dies because of it.

    What to do: mend the task, then resume the run: it gets a fresh budget.
    """


class WorkerDied(DurableError):
    """The process that ran a task's body ended before the body did; the attempt is interrupted, not failed.

    What to do: look for what killed it, such as too little memory; the attempt is made again by itself.

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
    """No process could be had to run a task's body; the body did not run.

    What to do: read what the process wrote to stderr, then resume the run.
    """


class Suspended(BaseException):
    """Unwinds a body that waits for longer than a thread is held for; it starts again from the top afterwards.

    What to do: let it pass, in ``except BaseException`` too.

    A BaseException, so that a task's ``except Exception`` does not mistake it for a failure. Let it pass.
    """


class AttemptEnded(BaseException):
    """A context was used after its attempt ended; nothing was recorded.

    What to do: do not use a context in threads that outlive the body.

    A BaseException, so that a task's ``except Exception`` does not keep a dead attempt alive.
    """
