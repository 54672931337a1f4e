"""The plan of a map: members are counted, and only those that matter are named."""

from __future__ import annotations

import pytest

from durable.core.divergence import Divergence
from durable.core.graph import Definition, GroupSpec
from durable.core.plan import Plan, PlanItem, make_plan
from durable.core.plan_maps import LISTED
from durable.core.specs import MapSpec, TaskSpec
from tests.core.machine import Machine, tasks

MAP = Definition("w", None, tasks("z"), (GroupSpec("m", (), map=MapSpec(TaskSpec("t"), "x")),), (("m", "z"),))


def machine(count: int, *, last: bool = False) -> Machine:
    """A run whose map has begun and has so many members."""
    made = Machine(MAP)
    made.emit("GroupStarted", "m")
    made.emit("MembersAdded", "m", count=count, **({"last": True} if last else {}))
    return made


def plan(made: Machine, status: str = "interrupted", **options: object) -> Plan:
    return make_plan(made.state, status, options.pop("divergence", Divergence()), **options)  # type: ignore[arg-type]


def line(made: Plan) -> PlanItem:
    """The line of the map."""
    return next(item for item in made.items if item.id == "m")


def test_a_map_is_one_line_that_counts_its_members() -> None:
    """What is reused, what runs and that there is more to be read; the totals count members one by one."""
    made = machine(10)
    made.run("m/0", "m/1", "m/2")
    made.start("m/3", "m/4")
    made.end("TaskFailed", "m/4")
    found = plan(made)
    assert line(found).why == "3 reused, 1 interrupted, 1 failed and recorded, 5 not started, more items to be read"
    assert (line(found).action, line(found).members) == ("judge", {"reuse": 4, "run": 6})
    assert (found.count("reuse"), found.count("run"), found.count("blocked")) == (4, 6, 1)


def test_only_members_that_failed_or_did_not_finish_are_named() -> None:
    """In the order of the items, with what a resume does with them; their counts are in the map's line already."""
    made = machine(5)
    made.run("m/0")
    made.start("m/1", "m/2")
    made.end("TaskFailed", "m/2")
    found = plan(made, errors={"m/2": "ValueError: no"})
    named = [(item.id, item.action, item.why) for item in found.items if item.member]
    assert named == [
        ("m/1", "run", "interrupted in attempt 1"),
        ("m/2", "reuse", "failed: ValueError: no; recorded, and judged with the others"),
    ]


def test_no_more_members_are_named_than_can_be_read() -> None:
    """Those that did not finish come before those that failed, of which there may be very many."""
    made = machine(LISTED * 3)
    made.start(*(f"m/{number}" for number in range(LISTED * 3)))
    made.end("TaskFailed", *(f"m/{number}" for number in range(LISTED * 2)))
    named = [item.id for item in plan(made).items if item.member]
    assert named == [f"m/{number}" for number in range(LISTED * 2, LISTED * 3)]


def test_a_failed_run_runs_its_failed_and_unstarted_members_again() -> None:
    """And keeps those that succeeded."""
    made = machine(4, last=True)
    made.run("m/0")
    made.start("m/1")
    made.end("TaskFailed", "m/1")
    made.emit("GroupFailed", "m")
    made.close(made.state.index["m"])
    found = plan(made, "failed")
    assert line(found).members == {"reuse": 1, "run": 3}
    assert line(found).why.endswith("; 1 reused, 1 failed run again, 2 not started")


def test_a_verdict_of_success_settles_all_members() -> None:
    """Also those that failed: none of them runs again, and none is named."""
    made = machine(3, last=True)
    made.run("m/0", "m/1")
    made.start("m/2")
    made.end("TaskFailed", "m/2")
    made.emit("GroupSucceeded", "m")
    made.start("z")
    made.end("TaskFailed", "z")
    found = plan(made, "failed")
    assert (line(found).action, line(found).members) == ("reuse", {"reuse": 3})
    assert [item.id for item in found.items] == ["m", "z"]


def test_a_map_whose_members_are_all_recorded_is_judged_without_running_any() -> None:
    """Once there is nothing more to be read."""
    made = machine(2, last=True)
    made.run("m/0", "m/1")
    assert line(plan(made)).why == "all members are recorded: judged without running any (2 reused)"


def test_the_time_that_is_saved_is_that_of_the_reused_members() -> None:
    """Summed over columns, whatever the number of members; one that runs again saves nothing."""
    made = machine(3)
    made.start("m/0", "m/1", "m/2")
    made.now += 2_000_000
    made.end("TaskSucceeded", "m/0", "m/1")
    made.end("TaskInterrupted", "m/2")
    found = plan(made)
    assert found.seconds_saved == pytest.approx(4, abs=0.01)
    assert line(found).seconds == found.seconds_saved


def test_changed_code_of_members_is_said_where_they_run() -> None:
    """It is known by the map, as members have no definition of their own."""
    made = machine(2)
    made.start("m/0")
    found = plan(made, divergence=Divergence([], ["m: code of its members changed"], ["m"]))
    assert [item.why for item in found.items if item.member] == ["interrupted in attempt 1 (code changed since)"]
