"""How the fold takes in what happens to tasks and groups: statuses, attempts, budgets and times."""

from __future__ import annotations

from durable.core.events import Event
from durable.core.fold_calls import forget
from durable.core.fold_moves import choose, move_group, move_task, refuse
from durable.core.state import RunState
from durable.core.transitions import RUNNING, SUCCEEDED, TASK


def task_started(state: RunState, event: Event) -> int:
    try:  # what move_task does: every task passes here
        node = state.index[event.task_id]  # type: ignore[index]
        state.nodes[node] = TASK[state.nodes[node]]["TaskStarted"]
    except KeyError:
        refuse(state, event, "task")
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


def task_ended(state: RunState, event: Event) -> int:
    node = move_task(state, event)
    state.ended[node] = event.time
    state.outcome[node] = event.seq
    if state.deadlines or state.driven or state.woken:
        _stop_time(state, node)
    return node


def _stop_time(state: RunState, node: int) -> None:
    for column in (state.deadlines, state.driven, state.woken):
        column.pop(node, None)


def task_succeeded(state: RunState, event: Event) -> int:
    try:  # what task_ended does: every task passes here
        node = state.index[event.task_id]  # type: ignore[index]
        state.nodes[node] = TASK[state.nodes[node]]["TaskSucceeded"]
    except KeyError:
        refuse(state, event, "task")
    state.ended[node] = event.time
    state.outcome[node] = event.seq
    if state.deadlines or state.driven or state.woken:
        _stop_time(state, node)
    if state.marks or state.saved:
        forget(state, node)
    if event.data is not None:
        choose(state, node, event)
    return node


def task_iterated(state: RunState, event: Event) -> int:
    """The task iterates: its next iteration has a budget, a deadline and marks of its own."""
    node = move_task(state, event)
    state.ended[node] = event.time
    state.iterations[node] = (event.fields["iteration"], event.seq, state.attempts[node])
    forget(state, node)
    for column in (state.spent, state.interrupted, state.deadlines, state.driven):
        column.pop(node, None)
    return node


def task_suspended(state: RunState, event: Event) -> int:
    node = move_task(state, event)
    state.ended[node] = event.time
    state.driven[node] = state.driven.get(node, 0) + max(0, event.time - state.started[node])
    open_still = state.open_waits(node)
    if any(mark not in open_still for mark in event.fields.get("waiting", ())):
        state.woken[node] = True
    return node


def task_retry_scheduled(state: RunState, event: Event) -> int:
    node = move_task(state, event)
    state.ended[node] = event.time
    state.outcome[node] = event.seq
    state.spent[node] = state.spent.get(node, 0) + 1
    state.due[node] = event.fields["due"]
    state.driven.pop(node, None)
    return node


def task_interrupted(state: RunState, event: Event) -> int:
    node = move_task(state, event)
    state.ended[node] = event.time
    state.driven.pop(node, None)
    if event.fields.get("counted", True):
        state.spent[node] = state.spent.get(node, 0) + 1
        state.interrupted[node] = state.interrupted.get(node, 0) + 1
    return node


def task_reopened(state: RunState, event: Event) -> int:
    """What its failed attempts have recorded of their durable calls is kept: it is not done twice."""
    node = move_task(state, event)
    state.outcome[node] = 0
    for column in (state.spent, state.interrupted, state.due, state.driven, state.taken, state.deadlines, state.woken):
        column.pop(node, None)
    return node


def group_started(state: RunState, event: Event) -> int:
    node = move_group(state, event)
    state.started[node] = event.time
    return node


def group_ended(state: RunState, event: Event) -> int:
    node = move_group(state, event)
    state.ended[node] = event.time
    state.outcome[node] = event.seq
    state.rejudged.pop(node, None)
    if state.nodes[node] == SUCCEEDED:
        choose(state, node, event)
    return node


def group_retried(state: RunState, event: Event) -> int:
    node = move_group(state, event)
    state.started[node] = event.time  # each round has the whole time-out
    state.driven.pop(node, None)
    return node


def group_reopened(state: RunState, event: Event) -> int:
    node = move_group(state, event)
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
