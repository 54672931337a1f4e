"""Forks of groups: members and verdicts that are kept, done again, or open again without their verdict."""

from __future__ import annotations

from durable.core.decide import decide
from durable.core.frontier import Frontier
from durable.core.graph import Definition, GroupSpec
from tests.core.forks import GROUP, forked, statuses
from tests.core.machine import Machine, tasks


def test_a_group_stays_open_for_the_member_that_is_done_again() -> None:
    """Other members, and what has nothing to do with the group, stay; its verdict and what followed go."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a", "b", "c")
    machine.emit("MetadataWritten", "g", op="set", key="rounds")
    machine.emit("GroupSucceeded", "g")
    machine.run("d", "e")
    _, _, state, _ = forked(machine, len(machine.log), "b")
    assert statuses(state) == {
        "a": "succeeded", "b": "pending", "c": "succeeded", "d": "pending", "e": "succeeded", "g": "running",
    }  # fmt: skip
    assert not state.metadata
    _, _, state, _ = forked(machine, len(machine.log), "g")
    assert [name for name, status in statuses(state).items() if status != "pending"] == ["e"]


def test_members_closed_by_a_verdict_are_open_again_without_it() -> None:
    """What was cancelled or skipped because of the verdict was not an outcome of its own."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a")
    machine.start("b", "c")
    machine.end("TaskFailed", "b")
    machine.emit("GroupFailed", "g")
    machine.emit("TaskCancelled", "c", 1, reason="the group was decided")
    _, selection, state, _ = forked(machine, len(machine.log), "b")
    assert statuses(state) | {"e": "pending"} == {
        "a": "succeeded", "b": "pending", "c": "running", "d": "pending", "e": "pending", "g": "running",
    }  # fmt: skip
    assert selection.again == {"b", "d"}


def test_a_member_of_a_group_that_was_skipped_is_done_again_with_its_group() -> None:
    """The group has nothing that could be kept; what it follows says again whether it runs."""
    groups = (GroupSpec("g", (("b",), ("c",))),)
    machine = Machine(Definition("w", None, tasks("a", "b", "c", "d"), groups, (("a", "g"), ("g", "d"))))
    machine.start("a")
    machine.emit("TaskSucceeded", "a", 1, taken=[])
    machine.emit("GroupSkipped", "g")
    for name in "bcd":
        machine.emit("TaskSkipped", name)
    _, selection, state, _ = forked(machine, len(machine.log), "b")
    assert selection.again == {"b", "c", "g", "d"}
    assert decide(Frontier(state), 0).skip == [state.index[name] for name in ("g", "b", "c")]


def test_what_a_verdict_had_settled_is_judged_again() -> None:
    """x ran because the verdict settled the failed b; without that verdict nobody knows whether it may."""
    groups = (GroupSpec("g", (("a",), ("b",))),)
    machine = Machine(Definition("w", None, tasks("a", "b", "w", "x"), groups, (("b", "x"), ("w", "x"))))
    machine.emit("GroupStarted", "g")
    machine.run("a")
    machine.start("b")
    machine.end("TaskFailed", "b")
    machine.emit("GroupSucceeded", "g")
    machine.run("w", "x")
    _, selection, state, _ = forked(machine, len(machine.log), "a")
    assert selection.again == {"a", "x"}
    assert statuses(state) == {"a": "pending", "b": "failed", "w": "succeeded", "x": "pending", "g": "running"}


def test_a_fork_of_a_failed_run_opens_what_failed_and_was_kept() -> None:
    """Not what the fork does again anyway, nor what its verdict, which is gone, had closed."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a")
    machine.start("b", "c", "e")
    machine.end("TaskFailed", "b", "e")
    machine.emit("GroupFailed", "g")
    machine.emit("TaskCancelled", "c", 1, reason="the group was decided")
    machine.emit("RunFailed")
    _, selection, _, _ = forked(machine, len(machine.log), "b")
    assert selection.reopened() == [(False, "e")]
    _, selection, _, _ = forked(machine, len(machine.log))
    assert sorted(name for _, name in selection.reopened()) == ["b", "c", "e", "g"]


def test_what_ended_by_itself_after_a_verdict_was_taken_back_stays() -> None:
    """c was closed by the first verdict and failed on its own before the second one."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a")
    machine.start("b")
    machine.end("TaskFailed", "b")
    machine.emit("GroupFailed", "g")
    machine.emit("TaskSkipped", "c", reason="the group was decided")
    machine.resume()
    machine.start("c")
    machine.end("TaskFailed", "c")
    _, _, state, _ = forked(machine, len(machine.log), "b")
    assert state.node_status("c") == "failed"
