"""Groups: how many members start, when they are judged, and what waits for the verdict."""

from __future__ import annotations

from durable.core.decide import decide
from durable.core.frontier import Frontier
from durable.core.graph import Definition, GroupSpec
from tests.core.decisions import decided, group, opened
from tests.core.machine import Machine, tasks


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
    assert decide(machine.frontier, machine.now).judge == []
    machine.end("TaskTimedOut", "c")
    assert decide(machine.frontier, machine.now).judge == [(machine.state.index["g"], False)]


def test_a_failed_member_under_fail_fast_is_judged_again_after_a_crash() -> None:
    """The process died between the failure and the verdict: the next one asks the policy first, and starts nothing."""
    machine = opened(group(fail_fast=True))
    machine.start("a")
    machine.end("TaskFailed", "a")
    found = decide(Frontier(machine.state), machine.now)
    assert found.judge == [(machine.state.index["g"], True)]
    assert found.start == []


def test_what_follows_a_group_waits_for_the_verdict() -> None:
    """All members are done, but only the verdict opens the way."""
    machine = opened(group())
    assert machine.frontier is not None
    machine.run("a", "b", "c")
    assert decide(machine.frontier, machine.now).judge
    assert decided(machine) == []
    machine.emit("GroupSucceeded", "g")
    assert decided(machine) == ["after"]


def test_a_member_that_can_never_start_settles_its_group() -> None:
    """It follows, over another group, something outside that failed: the group is judged with what it has."""
    groups = (GroupSpec("g", (("a",), ("b",))), GroupSpec("far", (("inside",),)))
    edges = (("root", "between"), ("between", "far"), ("inside", "b"))
    machine = Machine(Definition("w", None, tasks("root", "between", "inside", "a", "b"), groups, edges))
    assert machine.frontier is not None
    assert machine.names(decide(machine.frontier, machine.now).open) == ["g"]
    machine.emit("GroupStarted", "g")
    assert decided(machine) == ["root", "a"]
    machine.start("root", "a")
    machine.end("TaskSucceeded", "a")
    machine.end("TaskFailed", "root")
    assert decide(machine.frontier, machine.now).judge == [(machine.state.index["g"], False)]
