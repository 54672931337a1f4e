"""What the folds of many events share: a move by the transition table, and the refusal of one that it lacks."""

from __future__ import annotations

from typing import NoReturn

from durable.core.events import Event
from durable.core.state import RunState
from durable.core.transitions import GROUP, RUN, TASK, next_status
from durable.errors import LogCorrupt


def move_task(state: RunState, event: Event) -> int:
    try:
        node = state.index[event.task_id]  # type: ignore[index]
        state.nodes[node] = TASK[state.nodes[node]][event.type]
    except KeyError:
        refuse(state, event, "task")
    return node


def move_group(state: RunState, event: Event) -> int:
    try:
        node = state.index[event.task_id]  # type: ignore[index]
        state.nodes[node] = GROUP[state.nodes[node]][event.type]
    except KeyError:
        refuse(state, event, "group")
    return node


def refuse(state: RunState, event: Event, subject: str) -> NoReturn:
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


def move_run(state: RunState, event: Event) -> None:
    try:
        state.status = RUN[state.status][event.type]
    except KeyError:
        next_status("run", state.status, event.type, seq=event.seq)


def choose(state: RunState, node: int, event: Event) -> None:
    """Take note of which successors are taken, if not all are."""
    if '"taken"' in (event.data or ""):
        taken = event.fields.get("taken")
        if taken is not None:
            state.taken[node] = frozenset(state.index[name] for name in taken if name in state.index)
