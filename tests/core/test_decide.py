"""The frontier: what may start, open, be skipped and be judged, kept current and derived anew alike."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from durable.core.decide import Frontier
from durable.core.graph import Definition, GroupSpec, TaskSpec
from durable.core.specs import Fragment
from durable.core.transitions import INTERRUPTED, PENDING, RUNNING, SUSPENDED, WAITING
from tests.core.machine import BAD, Machine, all_ids, definitions, seeds, tasks


def offers(frontier: Frontier) -> dict[str, Any]:
    """What a frontier would have done now, whatever its queues look like."""
    nodes = frontier.state.nodes
    startable = {PENDING, INTERRUPTED, WAITING, SUSPENDED}
    queued = [node for lane in frontier.lanes.queues.values() for node in lane] + list(frontier.lanes.suspects)
    queued += [
        node for when, node in frontier.lanes.delayed if frontier.state.due.get(node) == when and nodes[node] == WAITING
    ]
    return {
        "start": {node for node in queued if nodes[node] in startable},
        "open": {node for node in frontier.to_open if nodes[node] == PENDING},
        "skip": {node for node in frontier.to_skip if nodes[node] == PENDING},
        "judge": {node for node in frontier.to_judge if nodes[node] == RUNNING and not frontier.unsettled[node]},
        "live": set(frontier.lanes.live),
        "asleep": set(frontier.asleep),
        "failed": {group: count for group, count in frontier.failed.items() if nodes[group] == RUNNING},
        "unsettled": {group: frontier.unsettled[group] for group in frontier.failed if nodes[group] == RUNNING},
        "expand": set(frontier._hungry()),
        "timer": frontier.timers.next(),
        "busy": {lane: count for lane, count in frontier.lanes.busy.items() if count},
    }


@settings(max_examples=100, deadline=None)
@given(definitions(), seeds, st.integers(1, 3))
def test_kept_current_and_rebuilt_offer_the_same(definition: Definition, random: Random, limit: int) -> None:
    """At every step of every run, ``advance`` and a new Frontier lead to the same place, also after a resume.

    And what has an id keeps it.
    """
    machine = Machine(definition, default_limit=limit)
    frontier = machine.frontier
    assert frontier is not None
    for life in range(3):
        for _ in range(300):
            known = all_ids(machine.state)
            more = machine.step(random)
            assert all_ids(machine.state)[: len(known)] == known
            if not frontier.stale:
                fresh = Frontier(machine.state, default_limit=limit)
                assert offers(frontier) == offers(fresh)
                early = {group for group in frontier.to_judge if machine.state.nodes[group] == RUNNING}
                assert early <= set(fresh.to_judge)
            if not more:
                break
        if life == 2 or not machine.state.failures():
            break
        machine.resume()


@settings(max_examples=100, deadline=None)
@given(definitions(), seeds)
def test_every_run_comes_to_an_end_that_is_explained(definition: Definition, random: Random) -> None:
    """At the end nothing runs, and what has not ended depends on something that failed."""
    machine = Machine(definition)
    assert any(not machine.step(random) for _ in range(2_000))
    state, graph = machine.state, machine.state.graph
    left = [
        node for node, status in enumerate(state.nodes) if status in (PENDING, RUNNING, WAITING, INTERRUPTED, SUSPENDED)
    ]
    for node in left:
        reasons = [*graph.before[node], *([graph.parent[node]] if graph.parent[node] >= 0 else [])]
        assert any(
            state.nodes[reason] in BAD or reason in left or state.in_failed_group(reason) for reason in reasons
        ), graph.ids[node]
    assert not left or state.failures()


@settings(max_examples=60, deadline=None)
@given(definitions(), seeds)
def test_a_task_starts_only_after_what_it_follows(definition: Definition, random: Random) -> None:
    """When a task starts, all that it follows is settled, its group is open, and it never started after a success."""
    machine = Machine(definition)
    graph = machine.state.graph
    begun = 0
    while machine.step(random):
        new, begun = machine.log[begun:], len(machine.log)
        for event in new:
            if event.type != "TaskStarted":
                continue
            node = graph.index[event.task_id or ""]
            earlier = [other.type + (other.task_id or "") for other in machine.log[: event.seq - 1]]
            assert f"TaskSucceeded{event.task_id}" not in earlier
            if graph.parent[node] >= 0:
                assert f"GroupStarted{graph.ids[graph.parent[node]]}" in earlier
            for before in graph.before[node]:
                assert machine.state.nodes[before] not in (PENDING, WAITING, INTERRUPTED)


def diamond() -> Definition:
    return Definition("w", None, tasks("a", "b", "c", "d"), (), (("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")))


def group(limit: int | None = None, **settings: Any) -> Definition:
    members = tuple((name,) for name in "abc")
    spec = GroupSpec("g", members, limit=limit, **settings)
    return Definition("w", None, tasks("a", "b", "c", "after"), (spec,), (("g", "after"),))


def decided(machine: Machine) -> list[str]:
    assert machine.frontier is not None
    return machine.names(machine.frontier.decide(machine.now).start)


def opened(definition: Definition, **options: Any) -> Machine:
    machine = Machine(definition, **options)
    assert machine.frontier is not None
    assert machine.names(machine.frontier.decide(machine.now).open) == ["g"]
    machine.emit("GroupStarted", "g")
    return machine


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
    assert machine.frontier.decide(machine.now).over


def test_a_group_starts_no_more_members_than_its_limit() -> None:
    """``limit`` members run at once; each end makes room for one more."""
    machine = opened(group(limit=2))
    assert decided(machine) == ["a", "b"]
    machine.start("a", "b")
    assert decided(machine) == []
    machine.end("TaskSucceeded", "b")
    assert decided(machine) == ["c"]


def test_a_direct_group_runs_its_members_one_after_another() -> None:
    """``backend="direct"`` means one at a time, whatever the limit says."""
    machine = opened(group(limit=3, backend="direct"))
    assert decided(machine) == ["a"]


def test_a_group_is_judged_when_the_last_member_has_its_outcome() -> None:
    """Not before, and with failures too."""
    machine = opened(group())
    assert machine.frontier is not None
    machine.start("a", "b", "c")
    machine.end("TaskFailed", "a")
    machine.end("TaskSucceeded", "b")
    assert machine.frontier.decide(machine.now).judge == []
    machine.end("TaskTimedOut", "c")
    assert machine.frontier.decide(machine.now).judge == [(machine.state.index["g"], False)]


def test_a_failed_member_under_fail_fast_is_judged_again_after_a_crash() -> None:
    """The process died between the failure and the verdict: the next one asks the policy first, and starts nothing."""
    machine = opened(group(fail_fast=True))
    machine.start("a")
    machine.end("TaskFailed", "a")
    found = Frontier(machine.state).decide(machine.now)
    assert found.judge == [(machine.state.index["g"], True)]
    assert found.start == []


def test_what_follows_a_group_waits_for_the_verdict() -> None:
    """All members are done, but only the verdict opens the way."""
    machine = opened(group())
    assert machine.frontier is not None
    machine.run("a", "b", "c")
    assert machine.frontier.decide(machine.now).judge
    assert decided(machine) == []
    machine.emit("GroupSucceeded", "g")
    assert decided(machine) == ["after"]


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
    assert machine.frontier.decide(machine.now).over
    assert machine.status("b") == "pending"


def test_a_waiting_task_wakes_the_driver_when_it_is_due() -> None:
    """Until then nothing is over; at that time it is offered."""
    machine = Machine(Definition("w", None, tasks("a")))
    assert machine.frontier is not None
    assert decided(machine) == ["a"]
    machine.start("a")
    due = machine.now + 500
    machine.emit("TaskRetryScheduled", "a", 1, due=due)
    found = machine.frontier.decide(machine.now)
    assert (found.start, found.wake, found.over) == ([], due, False)
    assert machine.names(machine.frontier.decide(due).start) == ["a"]


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
    assert not machine.frontier.decide(machine.now).out_of_steps
    machine.end("TaskSucceeded", "a", "b")
    assert machine.frontier.decide(machine.now).out_of_steps


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
    machine.frontier.decide(machine.now)
    machine.emit("GroupSucceeded", "g")
    assert machine.names(machine.frontier.decide(machine.now).skip) == ["dead"]
    machine.emit("TaskSkipped", "dead")
    assert decided(machine) == ["alive"]


def test_a_member_that_can_never_start_settles_its_group() -> None:
    """It follows, over another group, something outside that failed: the group is judged with what it has."""
    groups = (GroupSpec("g", (("a",), ("b",))), GroupSpec("far", (("inside",),)))
    edges = (("root", "between"), ("between", "far"), ("inside", "b"))
    machine = Machine(Definition("w", None, tasks("root", "between", "inside", "a", "b"), groups, edges))
    assert machine.frontier is not None
    assert machine.names(machine.frontier.decide(machine.now).open) == ["g"]
    machine.emit("GroupStarted", "g")
    assert decided(machine) == ["root", "a"]
    machine.start("root", "a")
    machine.end("TaskSucceeded", "a")
    machine.end("TaskFailed", "root")
    assert machine.frontier.decide(machine.now).judge == [(machine.state.index["g"], False)]


def test_a_suspended_task_is_offered_once_however_many_things_wake_it() -> None:
    """A coroutine waits for two signals; both come before anybody looks."""
    machine = Machine(Definition("w", None, tasks("a", coroutine=True)))
    assert decided(machine) == ["a"]
    machine.start("a")
    for mark, name in enumerate("pq"):
        machine.emit("SignalAwaited", "a", 1, mark=str(mark), name=name)
    machine.emit("TaskSuspended", "a", 1, waiting=["0", "1"])
    assert machine.frontier is not None
    found = machine.frontier.decide(machine.now)
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
    found = machine.frontier.decide(machine.now)
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
    assert machine.names(machine.frontier.decide(machine.now).skip) == ["b"]
    machine.emit("TaskSkipped", "b")
    assert machine.names(machine.frontier.decide(machine.now).skip) == ["d"]
    machine.emit("TaskSkipped", "d")
    assert decided(machine) == ["c"]


def test_coroutines_outside_of_groups_do_not_wait_for_each_other() -> None:
    """Plain tasks do."""
    plain = Machine(Definition("w", None, tasks("a", "b")))
    assert decided(plain) == ["a"]
    coroutines = Machine(Definition("w", None, tasks("a", "b", coroutine=True)))
    assert decided(coroutines) == ["a", "b"]


def test_a_skip_before_its_group_failed_stays_what_it_was() -> None:
    """What follows a member that was not taken may start, live and rebuilt, also when a group around fails later."""
    definition = Definition(
        "w",
        None,
        tasks("first", "member", "other", "after"),
        (GroupSpec("inner", (("member",),)), GroupSpec("outer", (("first", "inner"), ("other",)))),
        (("first", "inner"), ("member", "after"), ("first", "after")),
    )
    machine = Machine(definition)
    for kind, name, data in (
        ("GroupStarted", "outer", None),
        ("TaskStarted", "first", None),
        ("TaskSucceeded", "first", ["after"]),
        ("GroupSkipped", "inner", None),
        ("TaskSkipped", "member", None),
        ("GroupFailed", "outer", None),
        ("TaskSkipped", "other", None),
    ):
        machine.emit(kind, name, 1 if kind in ("TaskStarted", "TaskSucceeded") else 0, taken=data)
    assert machine.frontier is not None
    assert offers(machine.frontier) == offers(Frontier(machine.state))
    assert offers(machine.frontier)["start"] == {machine.state.index["after"]}
