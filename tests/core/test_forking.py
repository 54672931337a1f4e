"""Which events a fork keeps: a task is done again with what follows it, and nothing before."""

from __future__ import annotations

import pytest

from durable.core.events import Event, encode_fields
from durable.core.fold import apply
from durable.core.forking import Selection, kept, new_question_id, open_questions
from durable.core.graph import Definition, Fragment, Graph, GroupSpec
from durable.core.state import RunState
from tests.core.forks import Lively, forked, line, statuses, surveyed
from tests.core.machine import Machine, tasks


def test_a_task_is_done_again_with_what_follows_it_and_nothing_before() -> None:
    """Its writes go with it."""
    machine = line()
    machine.emit("RunSucceeded")
    _, _, state, log = forked(machine, len(machine.log), "b")
    assert statuses(state) == {"a": "succeeded", "b": "pending", "c": "pending"}
    assert [event.task_id for event in log] == [None, "a", "a", "a"]
    assert state.status_name == "running"


def test_what_a_redone_task_scheduled_is_gone() -> None:
    """And what that scheduled in turn; what another task scheduled stays."""
    machine = Lively(Definition("w", None, tasks("a", "b")))
    machine.start("a", "b")
    machine.grow("a", Fragment(("x",), tasks("a/x")))
    machine.end("TaskSucceeded", "a")
    machine.start("a/x")
    machine.grow("a/x", Fragment(("y",), tasks("a/x/y")))
    machine.end("TaskSucceeded", "a/x")
    machine.grow("b", Fragment(("z",), tasks("b/z")))
    machine.end("TaskSucceeded", "b")
    machine.run("b/z", "a/x/y")
    _, _, state, _ = forked(machine, len(machine.log), "a")
    assert statuses(state) == {"a": "pending", "b": "succeeded", "b/z": "succeeded"}
    _, _, state, _ = forked(machine, len(machine.log), "a/x")
    assert statuses(state) == {"a": "succeeded", "b": "succeeded", "b/z": "succeeded", "a/x": "pending"}


def test_where_a_redone_task_went_to_is_done_again() -> None:
    """The jump is forgotten with it."""
    machine = Lively(Definition("w", None, tasks("a", "b", "c"), (), (("a", "b"),)))
    machine.start("a")
    machine.grow("a", Fragment(jumps=("c",)))
    machine.emit("TaskSucceeded", "a", 1, taken=["c"])
    machine.run("c")
    machine.emit("TaskSkipped", "b")
    _, selection, state, _ = forked(machine, len(machine.log), "a")
    assert selection.again == {"a", "b", "c"}
    assert not state.graph.jumps
    assert not state.taken


@pytest.mark.parametrize("first", [True, False])
def test_a_signal_that_a_redone_task_got_is_not_given_to_another(first: bool) -> None:
    """The other task keeps the signal that it got, whichever of them waited first."""
    machine = Machine(Definition("w", None, tasks("a", "b")))
    for name in ("a", "b") if first else ("b", "a"):
        machine.start(name)
        machine.emit("SignalAwaited", name, 1, mark="0", name="go")
    machine.emit("SignalReceived", name="go", id="1")
    machine.emit("SignalReceived", name="go", id="2")
    _, _, state, log = forked(machine, len(machine.log), "a")
    ended = state.marks[state.index["b"]]["0"].ended
    assert log[ended - 1].fields["id"] == ("2" if first else "1")
    assert not state.signals


@pytest.mark.parametrize("end", ["RunCancelled", "RunSucceeded"])
def test_the_closing_of_a_run_that_was_ended_early_is_left_behind(end: str) -> None:
    """Also when the run rested before, and only what the end itself has closed."""
    machine = Machine(Definition("w", None, tasks("a", "b", "c")))
    machine.start("a", "b")
    machine.emit("TaskSkipped", "c", reason="nothing that it follows was taken")
    machine.emit("RunSuspended")
    why = "the run was cancelled" if end == "RunCancelled" else "the run was ended early"
    for name in "ab":
        machine.emit("TaskCancelled", name, 1, reason=why)
    machine.emit(end)
    _, _, state, _ = forked(machine, len(machine.log))
    assert statuses(state) == {"a": "running", "b": "running", "c": "skipped"}
    assert state.status_name == "running"


def test_a_past_within_the_past_keeps_its_rests() -> None:
    """Only the last rest is left behind: those that were followed by another drive are history."""
    machine = line()
    machine.emit("RunInterrupted")
    machine.emit("RunContinued")
    machine.emit("RunForked")
    _, _, state, log = forked(machine, len(machine.log))
    assert [event.type for event in log if event.type.startswith("Run")] == [
        "RunCreated", "RunInterrupted", "RunContinued",
    ]  # fmt: skip
    assert state.status_name == "running"


def test_questions_that_are_open_get_other_ids() -> None:
    """Those that were answered keep theirs, and a fork of a fork does not add up names."""
    machine = Machine(Definition("w", None, tasks("a")))
    machine.start("a")
    for number, name in enumerate(("q", "r")):
        machine.emit("FeedbackRequested", "a", 1, mark=str(number), id=name)
    machine.emit("FeedbackAnswered", "a", 1, mark="0", id="q")
    survey = surveyed(machine, len(machine.log))
    assert open_questions(survey.state) == ["r"]
    log = list(kept(machine.log, Selection(survey), {"r": "r@two"}))
    assert [event.fields["id"] for event in log if "id" in event.fields] == ["q", "r@two", "q"]
    assert new_question_id("r", "one", "two", ()) == "r@two"
    assert new_question_id("r@two", "two", "three", ()) == "r@three"
    assert new_question_id("r@two", "two", "three", ("r@three",)) == "r@two@three"


def test_a_fork_has_its_time_anew() -> None:
    """Deadlines and time-outs that ran while the other run did have not passed for the fork."""
    definition = Definition("w", None, tasks("a", deadline=5.0), (GroupSpec("g", (("a",),), timeout=5.0),))
    state = RunState("fork", lambda event: Graph(definition))
    first = encode_fields({"format": 1, "workflow": "w", "deadline": 9.0})
    apply(state, Event(1, 1_000_000, "RunCreated", data=first))
    apply(state, Event(2, 1_000_000, "GroupStarted", "g"))
    apply(state, Event(3, 1_000_000, "TaskStarted", "a", 1))
    apply(state, Event(4, 8_000_000, "RunContinued"))
    apply(state, Event(5, 90_000_000, "RunForked"))
    assert state.run_deadline == 99_000_000
    assert list(state.deadlines.values()) == [95_000_000]
    apply(state, Event(6, 91_000_000, "RunContinued"))
    assert state.driven == {state.index["g"]: 0}


def test_what_an_earlier_definition_had_is_kept() -> None:
    """Also what the present one lacks; what a redone task had scheduled under it goes all the same."""
    was = Definition("w", None, tasks("a", "b", "c"), (), (("b", "c"),))
    machine = Lively(was)
    machine.start("a", "b")
    machine.grow("b", Fragment(("x",), tasks("b/x")))
    machine.end("TaskSucceeded", "a", "b")
    machine.run("b/x")
    now = Definition("w", None, tasks("b", "c", "d", "b/x"), (), (("b", "c"),))
    machine.change(now)
    machine.run("c")
    _, _, state, log = forked(machine, len(machine.log), "b")
    assert statuses(state) == {"b": "pending", "c": "pending", "d": "pending", "b/x": "pending"}
    assert list(state.orphans) == ["a"]
    assert not [event for event in log if event.task_id == "b/x"]
