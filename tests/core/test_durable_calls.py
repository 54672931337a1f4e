"""Marks: what bodies record of their durable calls, found again by path, dropped when it is not needed any more."""

from __future__ import annotations

import pytest

from durable.core.durable_calls import LOOP, SIGNAL, STEP, Mark, Marks, copied, find, put, walk
from durable.core.graph import Definition
from durable.errors import LogCorrupt
from tests.core.machine import Machine, tasks


@pytest.fixture
def machine() -> Machine:
    """Two tasks that run."""
    made = Machine(Definition("w", None, tasks("a", "b", max_attempts=9)))
    made.start("a", "b")
    return made


def paths(machine: Machine, node: int = 0) -> list[str]:
    return [path for path, _ in walk(machine.state.marks.get(node, {}))]


def test_marks_are_found_by_their_path_and_loops_around_them_are_made() -> None:
    """A call in an iteration may be recorded before the loop has moved."""
    marks: Marks = {}
    put(marks, "0/1/2", Mark(STEP, "f", 7))
    assert [(path, mark.kind, mark.seq) for path, mark in walk(marks)] == [
        ("0", LOOP, 0),
        ("0/1", LOOP, 0),
        ("0/1/2", STEP, 7),
    ]
    assert find(marks, "0/1/2") == Mark(STEP, "f", 7)
    assert find(marks, "0/2") is None
    assert find(None, "0") is None


def test_a_copy_does_not_change_with_the_original() -> None:
    """Also inside of loops."""
    marks: Marks = {}
    put(marks, "0/0", Mark(SIGNAL, "p", 3))
    copy = copied(marks)
    marks["0"].inner["0"].ended = 9
    marks["0"].position = 2
    assert copy["0"].position == 0
    assert copy["0"].inner["0"].waits


def test_a_loop_that_moves_on_drops_the_calls_of_its_item(machine: Machine) -> None:
    """Those outside of it stay; a loop in it goes too."""
    machine.emit("StepSucceeded", "a", 1, mark="0", name="f")
    machine.emit("StepSucceeded", "a", 1, mark="1/0", name="g")
    machine.emit("CursorMoved", "a", 1, mark="1/1", position=1)
    assert paths(machine) == ["0", "1", "1/0", "1/1"]
    machine.emit("CursorMoved", "a", 1, mark="1", position=1)
    assert paths(machine) == ["0", "1"]
    loop = find(machine.state.marks[0], "1")
    assert loop is not None
    assert (loop.kind, loop.position, loop.seq) == (LOOP, 1, machine.state.seq)


@pytest.mark.parametrize("kind", ["TaskSucceeded", "TaskIterated"])
def test_a_task_that_is_done_or_goes_round_has_no_marks(machine: Machine, kind: str) -> None:
    """Nothing of it is kept but the log."""
    machine.emit("StepSucceeded", "a", 1, mark="0", name="f")
    machine.emit("TaskCheckpointed", "a", 1)
    machine.emit(kind, "a", 1, **({"iteration": 2} if kind == "TaskIterated" else {}))
    state = machine.state
    assert (state.marks, state.saved, state.carried) == ({}, {}, {})


@pytest.mark.parametrize("kind", ["TaskRetryScheduled", "TaskInterrupted", "TaskFailed", "TaskTimedOut"])
def test_a_task_that_is_tried_again_keeps_its_marks(machine: Machine, kind: str) -> None:
    """After a failure for good they wait for a resume."""
    machine.emit("StepSucceeded", "a", 1, mark="0", name="f")
    machine.emit(kind, "a", 1, **({"due": 1} if kind == "TaskRetryScheduled" else {}))
    assert paths(machine) == ["0"]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("StepSucceeded", {"mark": "0", "name": "f"}),
        ("CursorMoved", {"mark": "0", "position": 1}),
        ("TaskCheckpointed", {}),
    ],
)
def test_progress_takes_interruptions_back_and_failures_not(
    machine: Machine, kind: str, fields: dict[str, object]
) -> None:
    """A budget that failures have spent stays spent."""
    machine.emit("TaskRetryScheduled", "a", 1, due=1)
    machine.start("a")
    for _ in range(3):
        machine.emit("TaskInterrupted", "a", machine.state.attempts[0], counted=True)
        machine.start("a")
    assert (machine.state.spent[0], machine.state.interrupted[0]) == (4, 3)
    machine.emit(kind, "a", 5, **fields)
    assert (machine.state.spent[0], machine.state.interrupted.get(0, 0)) == (1, 0)


@pytest.mark.parametrize("kind", ["TimerStarted", "SignalAwaited", "FeedbackRequested"])
def test_waiting_is_no_progress(machine: Machine, kind: str) -> None:
    """A task that dies while it waits is as suspect as before."""
    machine.emit("TaskInterrupted", "a", 1, counted=True)
    machine.start("a")
    machine.emit(kind, "a", 2, mark="0", name="p", id="q", due=99)
    assert machine.state.interrupted == {0: 1}


def test_the_oldest_wait_has_the_oldest_signal(machine: Machine) -> None:
    """Signals that come first are kept in order; each is had once."""
    for number in range(3):
        machine.emit("SignalReceived", name="p", id=str(number))
    first = machine.state.seq - 2
    machine.emit("SignalAwaited", "a", 1, mark="0", name="p")
    machine.emit("SignalAwaited", "b", 1, mark="0", name="p")
    assert [machine.state.marks[node]["0"].ended for node in (0, 1)] == [first, first + 1]
    assert machine.state.signals == {"p": [first + 2]}


def test_a_signal_passes_over_waits_that_have_ended_otherwise(machine: Machine) -> None:
    """One expired, one belongs to a task that has ended, one to an iteration that is over."""
    machine.emit("SignalAwaited", "a", 1, mark="0", name="p", due=5)
    machine.emit("WaitExpired", "a", 1, mark="0")
    machine.emit("SignalAwaited", "a", 1, mark="1/0", name="p")
    machine.emit("CursorMoved", "a", 1, mark="1", position=1)
    machine.emit("SignalAwaited", "b", 1, mark="0", name="p")
    machine.emit("TaskSucceeded", "b", 1)
    machine.emit("SignalReceived", name="p", id="1")
    assert machine.state.signals == {"p": [machine.state.seq]}
    expired = machine.state.marks[0]["0"].ended
    assert machine.log[expired - 1].type == "WaitExpired"


def test_what_ended_a_wait_first_stays_what_ended_it(machine: Machine) -> None:
    """A second end changes nothing, so that every attempt sees the same."""
    machine.emit("SignalAwaited", "a", 1, mark="0", name="p", due=5)
    machine.emit("SignalReceived", name="p", id="1")
    ended = machine.state.marks[0]["0"].ended
    machine.emit("WaitExpired", "a", 1, mark="0")
    assert machine.state.marks[0]["0"].ended == ended


def test_an_answer_to_a_question_that_nobody_asked_is_refused(machine: Machine) -> None:
    """The log is damaged."""
    with pytest.raises(LogCorrupt, match="FeedbackAnswered"):
        machine.emit("FeedbackAnswered", "a", 1, mark="0", id="unknown")


def test_a_suspended_task_says_what_it_waits_for(machine: Machine) -> None:
    """In the order in which it was asked for, over all tasks."""
    machine.emit("SignalAwaited", "b", 1, mark="0", name="late")
    machine.emit("TimerStarted", "a", 1, mark="0", due=9)
    machine.emit("FeedbackRequested", "a", 1, mark="1", id="question")
    for name in "ab":
        node = machine.state.index[name]
        machine.emit("TaskSuspended", name, 1, waiting=machine.state.open_waits(node))
    assert machine.state.waits() == ["signal late", "sleep", "feedback question"]
