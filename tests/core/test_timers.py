"""Timers: which sleep, wait or deadline is over next; each is named once, and none is forgotten."""

from __future__ import annotations

import pytest

from durable.core.decide import decide
from durable.core.graph import Definition
from durable.core.timers import RUN, Timers
from durable.errors import LogCorrupt
from tests.core.machine import Machine, tasks


def started(**settings: object) -> Machine:
    """A machine whose only task runs."""
    machine = Machine(Definition("w", None, tasks("a", **settings)))
    machine.start("a")
    return machine


def over(machine: Machine, now: int) -> list[tuple[int, str]]:
    assert machine.frontier is not None
    return decide(machine.frontier, now).fire


def test_a_timer_is_over_at_its_time_and_not_before() -> None:
    """To the microsecond."""
    machine = started()
    machine.emit("TimerStarted", "a", 1, mark="0", due=5_000)
    assert over(machine, 4_999) == []
    assert over(machine, 5_000) == [(0, "0")]


def test_timers_are_over_in_the_order_of_their_times() -> None:
    """Those that are over together come together."""
    machine = started(deadline=1.0)
    for mark, due in (("0", 9_000), ("1", 5_000), ("2", 7_000)):
        machine.emit("TimerStarted", "a", 1, mark=mark, due=due)
    assert machine.frontier is not None
    assert machine.frontier.timers.next() == 5_000
    assert over(machine, 8_000) == [(0, "1"), (0, "2")]


def test_a_wait_that_has_ended_does_not_expire() -> None:
    """A signal came in time; also when the frontier is made anew."""
    machine = started()
    machine.emit("SignalAwaited", "a", 1, mark="0", name="p", due=5_000)
    machine.emit("SignalReceived", name="p", id="1")
    assert over(machine, 9_000) == []
    assert Timers(machine.state).next() is None


def test_a_deadline_counts_from_the_first_start_and_passes_once() -> None:
    """Two attempts, one deadline."""
    machine = started(deadline=0.01)
    due = machine.now + 10_000
    machine.emit("TaskRetryScheduled", "a", 1, due=machine.now + 10)
    machine.now += 100
    machine.start("a")
    assert machine.state.deadlines == {0: due}
    assert over(machine, due) == [(0, "")]


def test_a_task_that_has_ended_has_neither_timers_nor_a_deadline() -> None:
    """Whatever it had begun."""
    machine = started(deadline=0.01)
    machine.emit("TimerStarted", "a", 1, mark="0", due=5_000)
    machine.end("TaskSucceeded", "a")
    assert over(machine, 10**9) == []
    assert machine.frontier is not None
    assert machine.frontier.timers.next() is None


def test_a_timer_that_is_due_while_its_task_is_reopened_is_over_once_the_task_runs() -> None:
    """It is not over while nothing has started, and must not be forgotten by that."""
    machine = started(deadline=1.0)
    machine.emit("TimerStarted", "a", 1, mark="0", due=5_000)
    machine.emit("TaskTimedOut", "a", 1)
    machine.resume()
    assert machine.frontier is not None
    assert machine.names(decide(machine.frontier, 9_000).start) == ["a"]
    machine.start("a")
    assert over(machine, 9_000) == [(0, "0")]


def test_an_iteration_has_a_deadline_of_its_own() -> None:
    """That of the one before does not end it."""
    machine = started(deadline=0.01)
    first = machine.state.deadlines[0]
    machine.emit("TaskIterated", "a", 1, iteration=2)
    machine.now += 5_000
    machine.start("a")
    assert over(machine, first) == []
    assert over(machine, machine.state.deadlines[0]) == [(0, "")]


def test_the_runs_deadline_comes_first() -> None:
    """It is named by a number that no task has."""
    machine = started(deadline=0.01)
    machine.state.run_deadline = 3_000
    assert next(Timers(machine.state).over(10**9)) == (RUN, "")


def test_a_mark_of_a_task_that_nothing_defined_is_refused() -> None:
    """Not folded into something else."""
    machine = started()
    for kind, fields in (("TimerStarted", {"mark": "0", "due": 1}), ("TimerFired", {"mark": "0"})):
        with pytest.raises(LogCorrupt, match=kind):
            machine.emit(kind, "nobody", 1, **fields)
