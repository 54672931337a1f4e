"""The fold: ``apply``, the only thing that changes a RunState. One small function for each type of event."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from durable.core import channel
from durable.core.events import LOG_FORMAT, Event
from durable.core.fold_scheduling import definition_changed, members_added, tasks_scheduled
from durable.core.fold_calls import FOLDS as MARK_FOLDS
from durable.core.fold_calls import forget
from durable.core.graph import Graph
from durable.core.state import RunState
from durable.core.transitions import GROUP, RUN, RUNNING, SUCCEEDED, TASK, next_status
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


def _move_task(state: RunState, event: Event) -> int:
    try:
        node = state.index[event.task_id]  # type: ignore[index]
        state.nodes[node] = TASK[state.nodes[node]][event.type]
    except KeyError:
        _refuse(state, event, "task")
    return node


def _move_group(state: RunState, event: Event) -> int:
    try:
        node = state.index[event.task_id]  # type: ignore[index]
        state.nodes[node] = GROUP[state.nodes[node]][event.type]
    except KeyError:
        _refuse(state, event, "group")
    return node


def _refuse(state: RunState, event: Event, subject: str) -> NoReturn:
    """Raise what says why an event does not fit the state."""
    node = state.index.get(event.task_id or "")
    if node is None:
        raise LogCorrupt(
            f"a {event.type} names something that the recorded definition lacks",
            run_id=state.run_id,
            task_id=event.task_id,
            seq=event.seq,
            hint="The log was not written by this engine, or events are missing: run durable verify",
        ) from None
    next_status(subject, state.nodes[node], event.type, task_id=event.task_id, seq=event.seq)
    raise AssertionError("the transition table allows what it refused")


def _move_run(state: RunState, event: Event) -> None:
    try:
        state.status = RUN[state.status][event.type]
    except KeyError:
        next_status("run", state.status, event.type, seq=event.seq)


def _run_created(state: RunState, event: Event) -> None:
    _move_run(state, event)
    version = event.fields.get("format")
    if version != LOG_FORMAT:
        raise UnknownEvent(
            f"the run's log has format {version}; this version of durable reads format {LOG_FORMAT}",
            run_id=state.run_id,
            seq=event.seq,
            hint="Install the version of durable that wrote it, or a newer one",
        )
    state.created = event
    state.drive_began = event.time
    state.definition_seq = event.seq
    graph = state.read_graph(event)
    assert isinstance(graph, Graph)
    state.set_graph(graph)
    _start_deadline(state, event)


def _start_deadline(state: RunState, event: Event) -> None:
    """A run has its time from its creation, and anew from being opened again."""
    assert state.created is not None
    seconds = state.created.fields.get("deadline")
    state.run_deadline = event.time + int(seconds * 1e6) if seconds else 0


def _run_continued(state: RunState, event: Event) -> None:
    _move_run(state, event)
    for group in state.graph.members:
        if state.nodes[group] == RUNNING:
            since = max(state.started[group], state.drive_began)
            state.driven[group] = state.driven.get(group, 0) + max(0, state.time - since)
    state.drive_began = event.time


def _run_resumed(state: RunState, event: Event) -> None:
    _move_run(state, event)
    state.error_seq = 0
    state.steps = 0
    state.drive_began = event.time
    _start_deadline(state, event)


def _run_forked(state: RunState, event: Event) -> None:
    """What has a limited time has it anew: none passed while the past that is shared was copied."""
    _move_run(state, event)
    state.drive_began = event.time
    _start_deadline(state, event)
    for node in state.deadlines:
        state.deadlines[node] = event.time + int(state.graph.deadlines.get(node, 0) * 1e6)
    for group in state.graph.members:
        if state.nodes[group] == RUNNING:
            state.started[group] = event.time
            state.driven.pop(group, None)


def _run_succeeded(state: RunState, event: Event) -> None:
    _move_run(state, event)
    if event.data and "terminated" in event.fields:
        state.result_seq = event.seq


def _run_failed(state: RunState, event: Event) -> None:
    _move_run(state, event)
    state.error_seq = event.seq


def _task_started(state: RunState, event: Event) -> int:
    try:  # what _move_task does: every task passes here
        node = state.index[event.task_id]  # type: ignore[index]
        state.nodes[node] = TASK[state.nodes[node]]["TaskStarted"]
    except KeyError:
        _refuse(state, event, "task")
    state.attempts[node] = event.attempt
    state.outcome[node] = 0
    state.started[node] = state.ended[node] = event.time
    state.steps += 1
    if state.due:
        state.due.pop(node, None)
    if state.woken:
        state.woken.pop(node, None)
    if state.graph.deadlines:
        _start_task_deadline(state, node, event)
    return node


def _start_task_deadline(state: RunState, node: int, event: Event) -> None:
    seconds = state.graph.deadlines.get(node)
    if seconds is not None:
        state.deadlines.setdefault(node, event.time + int(seconds * 1e6))


def _task_ended(state: RunState, event: Event) -> int:
    node = _move_task(state, event)
    state.ended[node] = event.time
    state.outcome[node] = event.seq
    if state.deadlines or state.driven or state.woken:
        _stop_time(state, node)
    return node


def _stop_time(state: RunState, node: int) -> None:
    for column in (state.deadlines, state.driven, state.woken):
        column.pop(node, None)


def _task_succeeded(state: RunState, event: Event) -> int:
    try:  # what _task_ended does: every task passes here
        node = state.index[event.task_id]  # type: ignore[index]
        state.nodes[node] = TASK[state.nodes[node]]["TaskSucceeded"]
    except KeyError:
        _refuse(state, event, "task")
    state.ended[node] = event.time
    state.outcome[node] = event.seq
    if state.deadlines or state.driven or state.woken:
        _stop_time(state, node)
    if state.marks or state.saved:
        forget(state, node)
    if event.data is not None:
        _choose(state, node, event)
    return node


def _choose(state: RunState, node: int, event: Event) -> None:
    """Take note of which successors are taken, if not all are."""
    if '"taken"' in (event.data or ""):
        taken = event.fields.get("taken")
        if taken is not None:
            state.taken[node] = frozenset(state.index[name] for name in taken if name in state.index)


def _task_iterated(state: RunState, event: Event) -> int:
    """The task goes round: its next iteration has a budget, a deadline and marks of its own."""
    node = _move_task(state, event)
    state.ended[node] = event.time
    state.iterations[node] = (event.fields["iteration"], event.seq, state.attempts[node])
    forget(state, node)
    for column in (state.spent, state.interrupted, state.deadlines, state.driven):
        column.pop(node, None)
    return node


def _task_suspended(state: RunState, event: Event) -> int:
    node = _move_task(state, event)
    state.ended[node] = event.time
    state.driven[node] = state.driven.get(node, 0) + max(0, event.time - state.started[node])
    open_still = state.open_waits(node)
    if any(mark not in open_still for mark in event.fields.get("waiting", ())):
        state.woken[node] = True
    return node


def _task_retry_scheduled(state: RunState, event: Event) -> int:
    node = _move_task(state, event)
    state.ended[node] = event.time
    state.outcome[node] = event.seq
    state.spent[node] = state.spent.get(node, 0) + 1
    state.due[node] = event.fields["due"]
    state.driven.pop(node, None)
    return node


def _task_interrupted(state: RunState, event: Event) -> int:
    node = _move_task(state, event)
    state.ended[node] = event.time
    state.driven.pop(node, None)
    if event.fields.get("counted", True):
        state.spent[node] = state.spent.get(node, 0) + 1
        state.interrupted[node] = state.interrupted.get(node, 0) + 1
    return node


def _task_reopened(state: RunState, event: Event) -> int:
    """What its failed attempts have recorded of their durable calls is kept: it is not done twice."""
    node = _move_task(state, event)
    state.outcome[node] = 0
    for column in (state.spent, state.interrupted, state.due, state.driven, state.taken, state.deadlines, state.woken):
        column.pop(node, None)
    return node


def _group_started(state: RunState, event: Event) -> int:
    node = _move_group(state, event)
    state.started[node] = event.time
    return node


def _group_ended(state: RunState, event: Event) -> int:
    node = _move_group(state, event)
    state.ended[node] = event.time
    state.outcome[node] = event.seq
    state.rejudged.pop(node, None)
    if state.nodes[node] == SUCCEEDED:
        _choose(state, node, event)
    return node


def _group_retried(state: RunState, event: Event) -> int:
    node = _move_group(state, event)
    state.started[node] = event.time  # each round has the whole time-out
    state.driven.pop(node, None)
    return node


def _group_reopened(state: RunState, event: Event) -> int:
    node = _move_group(state, event)
    state.outcome[node] = 0
    state.driven.pop(node, None)
    if state.nodes[node] == RUNNING:
        state.started[node] = event.time
    fields = event.fields
    if "policy" in fields:
        state.rejudged[node] = fields
    elif node in state.graph.expansions.by_group:
        expansion = state.graph.expansions.by_group[node]
        expansion.complete, expansion.cut = expansion.complete and not expansion.cut, False
    return node


def _channel_written(state: RunState, event: Event) -> None:
    fields = event.fields
    key, op = fields["key"], fields["op"]
    cell = channel.write(state.channel.get(key), op, fields["amount"] if op == "add" else event.seq)
    if cell is None:
        state.channel.pop(key, None)
    else:
        state.channel[key] = cell


def _metadata_written(state: RunState, event: Event) -> None:
    fields = event.fields
    if fields["op"] == "delete":
        state.metadata.pop(fields["key"], None)
    else:
        state.metadata[fields["key"]] = event.seq


def _nothing(state: RunState, event: Event) -> None:
    """For facts that lead to nothing."""


FOLDS: dict[str, Callable[[RunState, Event], int | None]] = {
    "RunCreated": _run_created,
    "RunContinued": _run_continued,
    "RunInterrupted": _move_run,
    "RunSuspended": _move_run,
    "RunResumed": _run_resumed,
    "RunForked": _run_forked,
    "RunSucceeded": _run_succeeded,
    "RunFailed": _run_failed,
    "RunCancelled": _move_run,
    "DefinitionChanged": definition_changed,
    "TasksScheduled": tasks_scheduled,
    "MembersAdded": members_added,
    "TaskStarted": _task_started,
    "TaskSucceeded": _task_succeeded,
    "TaskIterated": _task_iterated,
    "TaskSuspended": _task_suspended,
    "TaskFailed": _task_ended,
    "TaskTimedOut": _task_ended,
    "TaskRetryScheduled": _task_retry_scheduled,
    "TaskInterrupted": _task_interrupted,
    "TaskCancelled": _task_ended,
    "TaskSkipped": _task_ended,
    "TaskReopened": _task_reopened,
    "GroupStarted": _group_started,
    "GroupSucceeded": _group_ended,
    "GroupFailed": _group_ended,
    "GroupRetryRequested": _group_retried,
    "GroupReopened": _group_reopened,
    "GroupCancelled": _group_ended,
    "GroupSkipped": _group_ended,
    "ChannelWritten": _channel_written,
    "MetadataWritten": _metadata_written,
    "PromptRendered": _nothing,
    **MARK_FOLDS,
}
