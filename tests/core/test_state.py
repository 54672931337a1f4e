"""The fold: what a state says after events, and which logs it refuses."""

from __future__ import annotations

import pytest

from durable.core.events import LOG_FORMAT, Event, encode_fields
from durable.core.fold import apply
from durable.core.graph import Definition, Graph, GroupSpec
from durable.core.state import RunState
from durable.errors import LogCorrupt, UnknownEvent
from tests.core.machine import Machine, facts, tasks

TWO = Definition("w", None, tasks("a", "b"), (), (("a", "b"),))
GROUP = Definition("w", None, tasks("a", "b"), (GroupSpec("g", (("a",), ("b",))),))


def test_sequence_numbers_are_dense() -> None:
    """A gap or a repeated event is refused before anything is folded."""
    machine = Machine(TWO)
    before = facts(machine.state)
    for seq in (1, 3):
        with pytest.raises(LogCorrupt, match=f"jumps from seq 1 to seq {seq}"):
            apply(machine.state, Event(seq, 1, "TaskStarted", "a", 1))
    assert facts(machine.state) == before


def test_an_unknown_event_is_refused_by_name() -> None:
    """A newer version's log is not half understood."""
    machine = Machine(TWO)
    with pytest.raises(UnknownEvent, match="TaskTeleported"):
        machine.emit("TaskTeleported", "a")


def test_an_unknown_log_format_is_refused_by_name() -> None:
    """The first event says how the rest is meant."""
    state = RunState("run", lambda _event: Graph(TWO))
    with pytest.raises(UnknownEvent, match=f"format {LOG_FORMAT + 1}.*reads format {LOG_FORMAT}"):
        apply(state, Event(1, 1, "RunCreated", data=encode_fields({"format": LOG_FORMAT + 1})))


def test_an_event_about_nothing_defined_is_refused() -> None:
    """It names the task and the position."""
    machine = Machine(TWO)
    with pytest.raises(LogCorrupt, match=r"TaskStarted names something.*task nobody, seq 2"):
        machine.emit("TaskStarted", "nobody", 1)


def test_attempts_count_on_and_times_are_those_of_the_last_one() -> None:
    """A retried task has the number and the duration of its last attempt."""
    machine = Machine(TWO)
    machine.start("a")
    machine.emit("TaskRetryScheduled", "a", 1, due=5_000)
    state = machine.state
    assert (machine.status("a"), state.spent[0], state.due[0]) == ("waiting", 1, 5_000)
    machine.run("a")
    assert (machine.status("a"), state.attempts[0], state.outcome[0]) == ("succeeded", 2, state.seq)
    assert 0 not in state.due
    assert state.seconds(0) == pytest.approx(10e-6)


def test_interruptions_count_unless_the_event_says_otherwise() -> None:
    """A crash spends an attempt, a graceful stop does not."""
    machine = Machine(TWO)
    machine.start("a")
    machine.emit("TaskInterrupted", "a", 1, counted=False)
    assert machine.state.spent == {}
    machine.start("a")
    machine.emit("TaskInterrupted", "a", 2)
    assert (machine.state.spent, machine.state.interrupted, machine.state.attempts[0]) == ({0: 1}, {0: 1}, 2)


def test_a_reopened_task_has_a_fresh_budget_and_goes_on_counting() -> None:
    """Budgets are forgotten, attempt numbers are not: they name attempts in the log."""
    machine = Machine(TWO)
    machine.start("a")
    machine.emit("TaskInterrupted", "a", 1)
    machine.start("a")
    machine.end("TaskFailed", "a")
    machine.emit("TaskReopened", "a")
    assert (machine.state.spent, machine.state.outcome[0], machine.state.attempts[0]) == ({}, 0, 2)


def test_a_verdict_of_success_settles_failures_inside() -> None:
    """Failures under it do not count as failures of the run; under a failed group they do."""
    for verdict, expected in (("GroupSucceeded", []), ("GroupFailed", ["a", "g"])):
        machine = Machine(GROUP)
        machine.emit("GroupStarted", "g")
        machine.start("a", "b")
        machine.end("TaskFailed", "a")
        machine.end("TaskSucceeded", "b")
        machine.emit(verdict, "g")
        assert machine.names(machine.state.failures()) == expected


def test_a_changed_definition_carries_records_over_by_id() -> None:
    """Nodes move to their new numbers; what the new definition lacks becomes an orphan, unless it never started."""
    machine = Machine(Definition("w", None, tasks("gone", "a", "unstarted")))
    machine.run("gone", "a")
    machine.definitions[machine.state.seq + 1] = Definition("w", None, tasks("new", "a"))
    seq = machine.state.outcome[1]
    machine.emit("DefinitionChanged")
    assert (machine.status("new"), machine.status("a")) == ("pending", "succeeded")
    assert machine.state.outcome[1] == seq
    assert list(machine.state.orphans) == ["gone"]


def test_time_between_drives_does_not_count_as_driven() -> None:
    """A group's clock stops while nobody drives the run."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.start("a")
    machine.now += 1_000_000
    machine.end("TaskSucceeded", "a")
    machine.now += 99_000_000
    machine.emit("RunContinued")
    assert machine.state.driven[2] == pytest.approx(1_000_000, abs=100)


def test_a_resumed_run_may_start_steps_again() -> None:
    """RunResumed clears the error and the count that ``max_steps`` limits."""
    machine = Machine(TWO)
    machine.start("a")
    machine.end("TaskFailed", "a")
    machine.emit("RunFailed")
    assert (machine.state.steps, machine.state.error_seq) == (1, machine.state.seq)
    machine.emit("RunResumed")
    assert (machine.state.steps, machine.state.error_seq) == (0, 0)


def test_metadata_keeps_where_its_values_are() -> None:
    """The state holds sequence numbers, not values."""
    machine = Machine(TWO)
    machine.emit("MetadataWritten", "a", 1, op="set", key="k")
    assert machine.state.metadata == {"k": 2}
    machine.emit("MetadataWritten", "a", 1, op="delete", key="k")
    assert machine.state.metadata == {}
