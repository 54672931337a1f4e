"""Divergence: differences before the frontier stop a resume, all others are reported and followed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from durable.core.divergence import compare
from durable.core.graph import Definition, GroupSpec, TaskSpec
from durable.core.specs import Fragment, MapSpec
from tests.core.machine import Machine, tasks

CHAIN = Definition("w", None, tasks("a", "b", "c"), (), (("a", "b"), ("b", "c")))
GROUP = Definition("w", None, tasks("a", "b", "c"), (GroupSpec("g", (("a",), ("b",))),), (("g", "c"),))


def after_a(definition: Definition = CHAIN) -> Machine:
    machine = Machine(definition)
    machine.run("a")
    return machine


def started_group() -> Machine:
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a")
    return machine


def test_the_same_definition_does_not_differ() -> None:
    """Nothing is found, nothing is recorded."""
    assert not compare(after_a().state, CHAIN).any


BC = (("a", "b"), ("b", "c"))
HAS_RUN_CHANGED = {
    "a: has run and is not in the workflow any more (renamed": Definition(
        "w", None, tasks("A", "b", "c"), (), (("A", "b"),)
    ),
    "a: has run and is not in": Definition("w", None, tasks("b", "c"), (), (("b", "c"),)),
    "a: followed nothing, follows z": Definition("w", None, tasks("z", "a", "b", "c"), (), (("z", "a"), *BC)),
    "a: was a task and is a group": Definition("w", None, tasks("x", "b", "c"), (GroupSpec("a", (("x",),)),), BC),
    "a: was in group none, is in g": Definition("w", None, tasks("a", "b", "c"), (GroupSpec("g", (("a",),)),), BC),
}


@pytest.mark.parametrize("named", HAS_RUN_CHANGED)
def test_what_has_run_may_not_be_renamed_removed_or_rewired(named: str) -> None:
    """Each is a difference before the frontier, and names the task."""
    found = compare(after_a().state, HAS_RUN_CHANGED[named])
    assert any(line.startswith(named) for line in found.before), found.before


@pytest.mark.parametrize(
    ("live", "named"),
    [
        (Definition("w", None, tasks("a", "b", "c", "d"), (), (("a", "b"), ("b", "c"), ("c", "d"))), "d: new"),
        (Definition("w", None, tasks("a", "b"), (), (("a", "b"),)), "c: removed before it started"),
        (Definition("w", None, tasks("a", "b", "c"), (), (("a", "b"), ("a", "c"))), "c: followed b, follows a now"),
        (Definition("w", "2", tasks("a", "b", "c"), (), CHAIN.edges), "workflow version: None -> 2"),
        (Definition("w", None, tasks("a", "c", "b"), (), CHAIN.edges), "order of tasks"),
    ],
)  # fmt: skip
def test_what_has_not_started_may_change(live: Definition, named: str) -> None:
    """Reported, not refused."""
    found = compare(after_a().state, live)
    assert found.before == []
    assert any(line.startswith(named) for line in found.reported), found.reported


@pytest.mark.parametrize(("setting", "value"), [("fingerprint", "new"), ("timeout", 5.0), ("max_attempts", 7)])
def test_new_code_and_new_settings_are_reported_and_followed(setting: str, value: Any) -> None:
    """Also for a task that has succeeded: fixes take effect, results stand."""
    live = Definition("w", None, (TaskSpec("a", **{setting: value}), *tasks("b", "c")), (), CHAIN.edges)
    found = compare(after_a().state, live)
    assert found.before == []
    assert len(found.reported) == 1
    assert found.reported[0].startswith("a: ")
    assert found.code_changed == (["a"] if setting == "fingerprint" else [])


def test_arguments_may_change_until_the_task_has_succeeded_with_them() -> None:
    """A result under other arguments would mean something else."""
    recorded = Definition("w", None, (TaskSpec("a", args="1"), TaskSpec("b", args="1")), (), (("a", "b"),))
    live = Definition("w", None, (TaskSpec("a", args="2"), TaskSpec("b", args="2")), (), (("a", "b"),))
    found = compare(after_a(recorded).state, live)
    assert found.before == ["a: bound arguments changed after it succeeded with the old ones"]
    assert found.reported == ["b: bound arguments changed"]


def test_a_started_group_keeps_its_members() -> None:
    """Members identify results; policies and settings may change."""
    live = Definition("w", None, tasks("a", "b", "c", "d"), (GroupSpec("g", (("a",), ("b",), ("d",))),), (("g", "c"),))
    assert [line[:18] for line in compare(started_group().state, live).before] == ["g: members changed"]
    assert compare(Machine(GROUP).state, live).before == []
    for setting, value in (("policy", "best_effort"), ("limit", 3), ("timeout", 9.0), ("fail_fast", True)):
        live = Definition("w", None, GROUP.tasks, (GroupSpec("g", (("a",), ("b",)), **{setting: value}),), GROUP.edges)
        found = compare(started_group().state, live)
        assert (found.before, len(found.reported)) == ([], 1), setting


def test_a_task_between_two_iterations_has_run() -> None:
    """It may not be renamed or removed, although its next iteration has not started."""
    machine = Machine(CHAIN)
    machine.start("a")
    machine.emit("TaskIterated", "a", 1, iteration=2)
    live = Definition("w", None, tasks("A", "b", "c"), (), (("A", "b"), ("b", "c")))
    assert [line[:26] for line in compare(machine.state, live).before] == ["a: has run and is not in t"]
    machine.change(live)
    assert set(machine.state.orphans) == {"a"}


def test_what_was_scheduled_is_no_difference() -> None:
    """Nor is an edge that a jump added; the definition did not have them."""
    machine = Machine(Definition("w", None, tasks("a", "b", "c")))
    machine.start("a")
    machine.grow("a", Fragment(("x",), tasks("a/x"), jumps=("c",)))
    machine.emit("TaskSucceeded", "a", 1, taken=["c"])
    machine.run("c")
    assert not compare(machine.state, Definition("w", None, tasks("a", "b", "c"))).any
    found = compare(machine.state, Definition("w", None, (*tasks("a", "b", "c"), TaskSpec("a/x"))))
    assert found.before == []


@pytest.mark.parametrize(("setting", "value"), [("deadline", 9.0), ("max_cycles", 5), ("coroutine", True)])
def test_new_settings_of_long_tasks_are_reported_too(setting: str, value: Any) -> None:
    """They may change at any time."""
    live = Definition("w", None, (TaskSpec("a", **{setting: value}), *tasks("b", "c")), (), CHAIN.edges)
    found = compare(after_a().state, live)
    assert (found.before, len(found.reported)) == ([], 1)
    assert found.reported[0].startswith(f"a: {setting} ")


ITEMS = MapSpec(TaskSpec("t", "code", args="1"), "x")
MAP = Definition("w", None, tasks("a", "z"), (GroupSpec("m", (), map=ITEMS),), (("m", "z"),))


def changed(**settings: Any) -> Definition:
    """The map's definition, with its items made otherwise."""
    items = msgspec.structs.replace(ITEMS, **settings)
    return Definition("w", None, MAP.tasks, (GroupSpec("m", (), map=items),), MAP.edges)


def begun_map() -> Machine:
    machine = Machine(MAP)
    machine.emit("GroupStarted", "m")
    machine.emit("MembersAdded", "m", count=2)
    machine.run("m/0")
    return machine


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"source": "a"}, "m: mapped over items of its own, maps over the result of a now"),
        ({"keyed": True}, "m: its members were identified by positions, and are by keys now"),
        ({"parameter": "y"}, "m: its items were bound to 'x', and are to 'y' now"),
    ],
)
def test_a_map_that_has_begun_keeps_what_its_items_mean(settings: dict[str, Any], line: str) -> None:
    """Before that they may change, and it is reported."""
    assert compare(begun_map().state, changed(**settings)).before == [line]
    found = compare(Machine(MAP).state, changed(**settings))
    assert (found.before, found.reported) == ([], [line])


def test_new_code_of_members_is_reported_and_followed() -> None:
    """Under the name of the map, as members have no definition of their own; so are their settings."""
    found = compare(begun_map().state, changed(task=TaskSpec("t", "other", args="1", timeout=3.0)))
    assert found.before == []
    assert found.reported == ["m: code of its members changed", "m: timeout of its members None -> 3.0"]
    assert found.code_changed == ["m"]


def test_bound_arguments_of_members_may_change_until_one_has_succeeded() -> None:
    """The others would be made with other ones."""
    live = changed(task=TaskSpec("t", "code", args="2"))
    line = "m: bound arguments of its members changed"
    assert compare(begun_map().state, live).before == [f"{line} after some succeeded with the old ones"]
    assert compare(Machine(MAP).state, live).reported == [line]


def test_a_map_does_not_become_a_group_of_given_members() -> None:
    """Once it has begun."""
    live = Definition("w", None, tasks("a", "z", "b"), (GroupSpec("m", (("b",),)),), MAP.edges)
    assert "m: was a map and is a group of given members now" in compare(begun_map().state, live).before


def test_rate_and_chunk_of_a_map_may_change() -> None:
    """They are settings like others."""
    live = Definition("w", None, MAP.tasks, (GroupSpec("m", (), map=ITEMS, rate=5.0, chunk=3),), MAP.edges)
    found = compare(begun_map().state, live)
    assert (found.before, found.reported) == ([], ["m: rate None -> 5.0", "m: chunk 1 -> 3"])
