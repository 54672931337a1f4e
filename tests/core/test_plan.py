"""The plan: what a resume would do with each task, and why."""

from __future__ import annotations

import pytest

from durable.core.divergence import Divergence
from durable.core.graph import Definition, GroupSpec
from durable.core.plan import Plan, make_plan
from durable.core.specs import Fragment
from tests.core.machine import Machine, tasks

CHAIN = Definition("w", None, tasks("a", "b", "c"), (), (("a", "b"), ("b", "c")))
GROUP = Definition("w", None, tasks("a", "b", "c"), (GroupSpec("g", (("a",), ("b",))),), (("g", "c"),))


def plan(machine: Machine, status: str = "interrupted", **options: object) -> Plan:
    divergence = options.pop("divergence", Divergence())
    return make_plan(machine.state, status, divergence, **options)  # type: ignore[arg-type]


def actions(made: Plan) -> dict[str, str]:
    return {item.id: item.action for item in made.items}


def test_done_is_reused_interrupted_runs_and_the_rest_is_blocked() -> None:
    """With the time that the reused tasks do not cost again."""
    machine = Machine(CHAIN)
    machine.start("a")
    machine.now += 2_000_000
    machine.end("TaskSucceeded", "a")
    machine.start("b")
    made = plan(machine)
    assert actions(made) == {"a": "reuse", "b": "run", "c": "blocked"}
    assert made.seconds_saved == pytest.approx(2, abs=0.01)
    assert [item.why for item in made.items] == ["succeeded", "interrupted in attempt 1", "follows b"]
    assert (made.count("reuse"), made.resumes) == (1, True)


def test_a_group_whose_members_are_all_recorded_is_judged_without_running_any() -> None:
    """The plan says so; with one missing it says how many."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a")
    item = plan(machine).items[0]
    assert (item.action, item.why, item.group) == ("judge", "1 of its members are missing", True)
    machine.run("b")
    made = plan(machine)
    assert made.items[0].why == "all members are recorded: judged without running any"
    assert actions(made) == {"g": "judge", "a": "reuse", "b": "reuse", "c": "blocked"}


def test_a_failure_under_a_verdict_of_success_is_settled() -> None:
    """It is not run again; under a verdict of failure it is, with its error in the reason."""
    for verdict, action in (("GroupSucceeded", "reuse"), ("GroupFailed", "run")):
        machine = Machine(GROUP)
        machine.emit("GroupStarted", "g")
        machine.run("a")
        machine.start("b")
        machine.end("TaskFailed", "b")
        machine.emit(verdict, "g")
        made = plan(machine, "failed", errors={"b": "ValueError: no"})
        assert actions(made)["b"] == action
        assert actions(made)["a"] == "reuse"
        if action == "run":
            assert made.items[2].why == "failed: ValueError: no"


def test_what_the_workflow_lacks_is_orphaned() -> None:
    """Recorded, and not there any more."""
    machine = Machine(CHAIN)
    machine.run("a")
    machine.definitions[machine.state.seq + 1] = Definition("w", None, tasks("b", "c"), (), (("b", "c"),))
    machine.emit("DefinitionChanged")
    assert actions(plan(machine)) == {"b": "run", "c": "blocked", "a": "orphaned"}


def test_a_divergence_a_driver_or_an_end_forbid_a_resume() -> None:
    """The plan says whether a resume would go on."""
    machine = Machine(CHAIN)
    assert plan(machine).resumes
    assert not plan(machine, divergence=Divergence(["a: gone"])).resumes
    assert not plan(machine, driven=True).resumes
    assert not plan(machine, "succeeded").resumes
    assert not plan(machine, "cancelled").resumes
    assert plan(machine, "failed").resumes


def test_changed_code_is_named_where_it_matters() -> None:
    """Both for what is kept and for what will run with the new code."""
    machine = Machine(CHAIN)
    machine.run("a")
    machine.start("b")
    made = plan(machine, divergence=Divergence([], ["a: code changed"], ["a", "b"]))
    assert [item.why for item in made.items[:2]] == [
        "succeeded (code changed since)",
        "interrupted in attempt 1 (code changed since)",
    ]


def test_scheduled_tasks_stand_in_the_plan_under_their_ids() -> None:
    """Those that are done are reused; those that are not run, or wait for those before them."""
    machine = Machine(Definition("w", None, tasks("a")))
    machine.start("a")
    machine.grow("a", Fragment(("x", "y", "z"), tasks("a/x", "a/y", "a/z"), (), (("a/y", "a/z"),)))
    machine.end("TaskSucceeded", "a")
    machine.run("a/x")
    assert actions(plan(machine)) == {"a": "reuse", "a/x": "reuse", "a/y": "run", "a/z": "blocked"}


def test_a_suspended_task_is_blocked_until_what_it_waits_for_is_there() -> None:
    """The plan says what that is."""
    machine = Machine(CHAIN)
    machine.start("a")
    machine.emit("SignalAwaited", "a", 1, mark="0", name="go")
    machine.emit("TimerStarted", "a", 1, mark="1", due=10**9)
    machine.emit("TaskSuspended", "a", 1, waiting=["0", "1"])
    item = plan(machine, "suspended").items[0]
    assert (item.action, item.why) == ("blocked", "suspended; waits for: signal go, sleep")
    machine.emit("SignalReceived", name="go", id="1")
    item = plan(machine, "suspended").items[0]
    assert (item.action, item.why) == ("run", "suspended, and what it waited for is there")


def test_a_task_between_two_iterations_goes_on_with_the_next() -> None:
    """It does not begin anew."""
    machine = Machine(CHAIN)
    machine.start("a")
    machine.emit("TaskIterated", "a", 1, iteration=2)
    item = plan(machine).items[0]
    assert (item.action, item.why) == ("run", "continues with iteration 2")
