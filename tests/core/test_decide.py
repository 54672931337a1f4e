"""What may start: joins, waits, jumps, limits, and what a failure blocks."""

from __future__ import annotations

from durable.core.decide import decide
from durable.core.graph import Definition, GroupSpec, TaskSpec
from durable.core.specs import Fragment
from tests.core.decisions import decided, diamond, group, opened
from tests.core.machine import Machine, tasks


def test_a_join_is_offered_once_and_only_when_all_branches_are_there() -> None:
    """A diamond's join waits for both branches and starts once."""
    machine = Machine(diamond())
    assert decided(machine) == ["a"]
    machine.run("a")
    assert decided(machine) == ["b"]
    machine.run("b")
    assert decided(machine) == ["c"]
    machine.run("c")
    assert decided(machine) == ["d"]
    machine.run("d")
    assert machine.frontier is not None
    assert decide(machine.frontier, machine.now).over


def test_a_failure_blocks_only_its_dependants() -> None:
    """Other branches go on; then the run is over."""
    definition = Definition("w", None, tasks("a", "b", "c", "d"), (), (("a", "b"), ("c", "d")))
    machine = Machine(definition)
    machine.start("a")
    machine.end("TaskFailed", "a")
    assert decided(machine) == ["c"]
    machine.run("c")
    assert decided(machine) == ["d"]
    machine.run("d")
    assert machine.frontier is not None
    assert decide(machine.frontier, machine.now).over
    assert machine.status("b") == "pending"


def test_a_waiting_task_wakes_the_driver_when_it_is_due() -> None:
    """Until then nothing is over; at that time it is offered."""
    machine = Machine(Definition("w", None, tasks("a")))
    assert machine.frontier is not None
    assert decided(machine) == ["a"]
    machine.start("a")
    due = machine.now + 500
    machine.emit("TaskRetryScheduled", "a", 1, due=due)
    found = decide(machine.frontier, machine.now)
    assert (found.start, found.wake, found.over) == ([], due, False)
    assert machine.names(decide(machine.frontier, due).start) == ["a"]


def test_a_suspects_last_try_runs_alone() -> None:
    """A task whose interruptions used up all attempts but one waits until nothing else runs, and nothing joins it."""
    definition = Definition(
        "w",
        None,
        (TaskSpec("a", max_attempts=2), TaskSpec("b"), TaskSpec("c")),
        (GroupSpec("g", (("a",), ("b",), ("c",))),),
    )
    machine = opened(definition)
    assert decided(machine) == ["a", "b", "c"]
    machine.start("a", "b", "c")
    machine.emit("TaskInterrupted", "a", 1, counted=True)
    assert decided(machine) == []
    machine.end("TaskSucceeded", "b", "c")
    assert decided(machine) == ["a"]


def test_an_interruption_that_does_not_count_makes_no_suspect() -> None:
    """After a graceful stop a task runs beside its siblings again."""
    definition = Definition("w", None, tasks("a", "b", max_attempts=2), (GroupSpec("g", (("a",), ("b",))),))
    machine = opened(definition)
    assert decided(machine) == ["a", "b"]
    machine.start("a", "b")
    machine.emit("TaskInterrupted", "a", 1, counted=False)
    assert decided(machine) == ["a"]


def test_max_steps_lets_running_attempts_end_and_then_says_so() -> None:
    """The limit counts attempts; what is over it is not started, and the decision names the reason."""
    machine = opened(group(), max_steps=2)
    assert decided(machine) == ["a", "b"]
    machine.start("a", "b")
    assert machine.frontier is not None
    assert not decide(machine.frontier, machine.now).out_of_steps
    machine.end("TaskSucceeded", "a", "b")
    assert decide(machine.frontier, machine.now).out_of_steps


def test_a_consumer_of_only_dead_members_is_skipped_but_one_live_edge_is_enough() -> None:
    """Under a verdict of success a failed member's own followers are skipped, unless something else leads to them."""
    spec = GroupSpec("g", (("a",), ("b",)), "best_effort")
    definition = Definition(
        "w", None, tasks("a", "b", "dead", "alive"), (spec,), (("a", "dead"), ("a", "alive"), ("b", "alive"))
    )
    machine = opened(definition)
    assert machine.frontier is not None
    machine.start("a", "b")
    machine.end("TaskFailed", "a")
    machine.end("TaskSucceeded", "b")
    decide(machine.frontier, machine.now)
    machine.emit("GroupSucceeded", "g")
    assert machine.names(decide(machine.frontier, machine.now).skip) == ["dead"]
    machine.emit("TaskSkipped", "dead")
    assert decided(machine) == ["alive"]


def test_a_suspended_task_is_offered_once_however_many_things_wake_it() -> None:
    """A coroutine waits for two signals; both come before anybody looks."""
    machine = Machine(Definition("w", None, tasks("a", coroutine=True)))
    assert decided(machine) == ["a"]
    machine.start("a")
    for mark, name in enumerate("pq"):
        machine.emit("SignalAwaited", "a", 1, mark=str(mark), name=name)
    machine.emit("TaskSuspended", "a", 1, waiting=["0", "1"])
    assert machine.frontier is not None
    found = decide(machine.frontier, machine.now)
    assert (found.start, found.over, found.suspended) == ([], False, True)
    machine.emit("SignalReceived", name="p", id="1")
    machine.emit("SignalReceived", name="q", id="2")
    assert decided(machine) == ["a"]


def test_what_came_before_the_task_was_suspended_wakes_it() -> None:
    """The event says what the body waited for when it was unwound; some of it has come meanwhile."""
    machine = Machine(Definition("w", None, tasks("a")))
    assert decided(machine) == ["a"]
    machine.start("a")
    machine.emit("SignalAwaited", "a", 1, mark="0", name="p")
    machine.emit("SignalReceived", name="p", id="1")
    machine.emit("TaskSuspended", "a", 1, waiting=["0"])
    assert decided(machine) == ["a"]


def test_a_suspended_run_wakes_when_its_first_timer_is_due() -> None:
    """A timer and a deadline: the earlier one of both."""
    machine = Machine(Definition("w", None, tasks("a", deadline=1.0)))
    assert decided(machine) == ["a"]
    machine.start("a")
    machine.emit("TimerStarted", "a", 1, mark="0", due=machine.now + 10_000_000)
    machine.emit("TaskSuspended", "a", 1, waiting=["0"])
    assert machine.frontier is not None
    found = decide(machine.frontier, machine.now)
    assert (found.suspended, found.wake) == (True, machine.state.deadlines[0])


def test_a_jump_takes_back_a_task_that_could_have_started() -> None:
    """A root that waits for its turn is gone to: it starts after the jump, and is offered once."""
    machine = Machine(Definition("w", None, tasks("a", "b")))
    assert decided(machine) == ["a"]
    machine.start("a")
    machine.grow("a", Fragment(jumps=("b",)))
    assert decided(machine) == []
    machine.emit("TaskSucceeded", "a", 1, taken=["b"])
    assert decided(machine) == ["b"]
    machine.start("b")
    machine.emit("TaskRetryScheduled", "b", 1, due=machine.now + 500)
    assert decided(machine) == []


def test_successors_that_a_task_does_not_take_are_skipped() -> None:
    """And what they alone lead to; what is taken starts."""
    definition = Definition("w", None, tasks("a", "b", "c", "d"), (), (("a", "b"), ("a", "c"), ("b", "d")))
    machine = Machine(definition)
    machine.start("a")
    machine.emit("TaskSucceeded", "a", 1, taken=["c"])
    assert machine.frontier is not None
    assert machine.names(decide(machine.frontier, machine.now).skip) == ["b"]
    machine.emit("TaskSkipped", "b")
    assert machine.names(decide(machine.frontier, machine.now).skip) == ["d"]
    machine.emit("TaskSkipped", "d")
    assert decided(machine) == ["c"]


def test_coroutines_outside_of_groups_do_not_wait_for_each_other() -> None:
    """Plain tasks do."""
    plain = Machine(Definition("w", None, tasks("a", "b")))
    assert decided(plain) == ["a"]
    coroutines = Machine(Definition("w", None, tasks("a", "b", coroutine=True)))
    assert decided(coroutines) == ["a", "b"]
