"""The transition table: what is not in it is refused, and a refused event changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from durable.core.catalogue import EVENTS
from durable.core.events import LOG_FORMAT, Event, encode_fields
from durable.core.fold import apply
from durable.core.graph import Definition, Graph, GroupSpec
from durable.core.state import RunState
from durable.core.transitions import ENDED, RUN, RUN_ENDS, RUN_STATUS_AFTER, STATUSES, TABLES, TASK, next_status
from durable.errors import IllegalTransition
from tests.core.machine import Machine, facts, tasks

DEFINITION = Definition("w", None, tasks("task"), (GroupSpec("group", (("task",),)),))
PAIRS = [
    (subject, status, kind, kind in moves)
    for subject, table in TABLES.items()
    for status, moves in table.items()
    for kind, meaning in EVENTS.items()
    if meaning.subject == subject
]


def state_with(subject: str, status: int) -> RunState:
    """A state in which the subject has the status, however it got there."""
    if subject == "run" and STATUSES[status] == "pending":
        return RunState("run", lambda _event: Graph(DEFINITION))
    machine = Machine(DEFINITION)
    if subject == "run":
        machine.state.status = status
    else:
        machine.state.nodes[machine.state.index[subject]] = status
    return machine.state


def event_for(state: RunState, subject: str, kind: str) -> Event:
    fields: dict[str, Any] = {"due": 5} if kind == "TaskRetryScheduled" else {}
    if kind == "TaskIterated":
        fields = {"iteration": 2}
    if kind == "RunCreated":
        fields = {"format": LOG_FORMAT}
    return Event(state.seq + 1, 1, kind, None if subject == "run" else subject, 1, encode_fields(fields))


@pytest.mark.parametrize(("subject", "status", "kind", "allowed"), PAIRS)
def test_every_pair_is_either_in_the_table_or_refused(subject: str, status: int, kind: str, allowed: bool) -> None:
    """A legal event leads where the table says; an illegal one raises and leaves the state as it was."""
    state = state_with(subject, status)
    before = facts(state)
    event = event_for(state, subject, kind)
    if allowed:
        apply(state, event)
        after = state.status if subject == "run" else state.nodes[state.index[subject]]
        assert after == TABLES[subject][status][kind]
        return
    with pytest.raises(IllegalTransition, match=kind) as caught:
        apply(state, event)
    assert caught.value.seq == event.seq
    assert facts(state) == before


@pytest.mark.parametrize("subject", ["task", "group"])
def test_a_refused_event_leaves_the_state_usable(subject: str) -> None:
    """After a refusal the next legal event is folded as if nothing had happened."""
    machine = Machine(DEFINITION)
    with pytest.raises(IllegalTransition):
        machine.emit("TaskSucceeded" if subject == "task" else "GroupSucceeded", subject)
    machine.emit("TaskStarted" if subject == "task" else "GroupStarted", subject, 1)
    assert machine.status(subject) == "running"


def test_every_moving_event_is_in_its_subjects_table_and_no_other() -> None:
    """The catalogue and the tables name the same events."""
    for subject, table in TABLES.items():
        moved = {kind for moves in table.values() for kind in moves}
        assert moved == {kind for kind, meaning in EVENTS.items() if meaning.subject == subject}


def test_only_a_reopening_leaves_an_end() -> None:
    """A task that has its outcome moves only by TaskReopened: recorded successes never start again by themselves."""
    for status in ENDED:
        assert set(TASK.get(status, {})) <= {"TaskReopened"}


def test_a_cancelled_or_succeeded_run_stays_so() -> None:
    """Only a failed run can be opened again."""
    ends = {STATUSES[status]: set(moves) for status, moves in RUN.items() if STATUSES[status] in RUN_ENDS.values()}
    assert ends == {"succeeded": set(), "cancelled": set(), "failed": {"RunResumed"}}


def test_the_status_after_each_run_event_is_the_tables() -> None:
    """Stores list runs by this without folding them."""
    assert RUN_STATUS_AFTER["RunCreated"] == "running"
    for kind, status in RUN_ENDS.items():
        assert RUN_STATUS_AFTER[kind] == status


def test_the_error_names_status_task_and_seq() -> None:
    """An illegal transition says what, where and what to do."""
    with pytest.raises(IllegalTransition, match=r"TaskSucceeded.*task is pending.*task x, seq 7.*durable verify"):
        next_status("task", 0, "TaskSucceeded", task_id="x", seq=7)
