"""The fold: ``apply``, the only thing that changes a RunState, and the table of what each type of event does to it.

The functions are in ``fold_runs.py``, ``fold_tasks.py``, ``fold_calls.py`` and ``fold_scheduling.py``.
"""

from __future__ import annotations

from collections.abc import Callable

from durable.core import channel
from durable.core.events import Event
from durable.core.fold_calls import FOLDS as CALL_FOLDS
from durable.core.fold_moves import move_run
from durable.core.fold_runs import run_continued, run_created, run_failed, run_forked, run_resumed, run_succeeded
from durable.core.fold_scheduling import definition_changed, members_added, tasks_scheduled
from durable.core.fold_tasks import (
    group_ended,
    group_reopened,
    group_retried,
    group_started,
    task_ended,
    task_interrupted,
    task_iterated,
    task_reopened,
    task_retry_scheduled,
    task_started,
    task_succeeded,
    task_suspended,
)
from durable.core.state import RunState
from durable.errors import LogCorrupt, UnknownEvent


def apply(state: RunState, event: Event) -> int | None:
    """Fold one event into the state.

    Returns:
        The number of the node that the event moved; None when it moved none.

    Raises:
        LogCorrupt: the event is not the next one, or names a task that nothing defined.
        UnknownEvent: its type is not known to this version.
        IllegalTransition: the transition table does not allow it.
    """
    if event.seq != state.seq + 1:
        raise LogCorrupt(
            f"the log jumps from seq {state.seq} to seq {event.seq}",
            run_id=state.run_id,
            seq=event.seq,
            hint="Events are missing: see durable verify",
        )
    fold = FOLDS.get(event.type)
    if fold is None:
        raise UnknownEvent(
            f"the log holds a {event.type}, which this version of durable does not know",
            run_id=state.run_id,
            seq=event.seq,
            hint="Install the version that wrote it, or a newer one",
        )
    node = fold(state, event)
    state.seq = event.seq
    state.time = event.time
    return node


def channel_written(state: RunState, event: Event) -> None:
    fields = event.fields
    key, op = fields["key"], fields["op"]
    cell = channel.write(state.channel.get(key), op, fields["amount"] if op == "add" else event.seq)
    if cell is None:
        state.channel.pop(key, None)
    else:
        state.channel[key] = cell


def metadata_written(state: RunState, event: Event) -> None:
    fields = event.fields
    if fields["op"] == "delete":
        state.metadata.pop(fields["key"], None)
    else:
        state.metadata[fields["key"]] = event.seq


def nothing(state: RunState, event: Event) -> None:
    """For facts that lead to nothing."""


FOLDS: dict[str, Callable[[RunState, Event], int | None]] = {
    "RunCreated": run_created,
    "RunContinued": run_continued,
    "RunInterrupted": move_run,
    "RunSuspended": move_run,
    "RunResumed": run_resumed,
    "RunForked": run_forked,
    "RunSucceeded": run_succeeded,
    "RunFailed": run_failed,
    "RunCancelled": move_run,
    "DefinitionChanged": definition_changed,
    "TasksScheduled": tasks_scheduled,
    "MembersAdded": members_added,
    "TaskStarted": task_started,
    "TaskSucceeded": task_succeeded,
    "TaskIterated": task_iterated,
    "TaskSuspended": task_suspended,
    "TaskFailed": task_ended,
    "TaskTimedOut": task_ended,
    "TaskRetryScheduled": task_retry_scheduled,
    "TaskInterrupted": task_interrupted,
    "TaskCancelled": task_ended,
    "TaskSkipped": task_ended,
    "TaskReopened": task_reopened,
    "GroupStarted": group_started,
    "GroupSucceeded": group_ended,
    "GroupFailed": group_ended,
    "GroupRetryRequested": group_retried,
    "GroupReopened": group_reopened,
    "GroupCancelled": group_ended,
    "GroupSkipped": group_ended,
    "ChannelWritten": channel_written,
    "MetadataWritten": metadata_written,
    "PromptRendered": nothing,
    **CALL_FOLDS,
}
