"""How maps are written: what is refused where it is written, and what the log records of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from durable import DefinitionError, TaskExecutionContext, Workflow, parallel, task, workflow
from durable.definition.compile import Compiled
from durable.definition.maps import MapGroup


@task
def one(item: Any, more: int = 0) -> Any:
    return item


@task
def two(first: int, second: int) -> int:
    return first + second


@task
def source() -> list[int]:
    return []


async def endless() -> AsyncIterator[int]:
    yield 1


def refused(wf: Workflow, initial: Any = ()) -> str:
    with pytest.raises(DefinitionError) as caught:
        Compiled(wf).check_parameters(initial)
    return str(caught.value)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ("a text", "would map over the characters of a text"),
        (b"bytes", "would map over the characters of a text"),
        ({1, 2}, "a set has another order in each process"),
        (frozenset({1}), "a set has another order in each process"),
        (endless(), "not from an async one"),
        (5, "maps over items, not over 5"),
        (None, "maps over items, not over None"),
    ],
    ids=["text", "bytes", "set", "frozenset", "async", "number", "none"],
)
def test_items_that_cannot_be_gone_over_are_refused(items: Any, said: str) -> None:
    """Where the map is written, or when a function has returned them."""
    with pytest.raises(DefinitionError, match=said):
        one.map(items)
    with pytest.raises(DefinitionError, match=said):
        one.map(lambda: items).open()


def test_a_set_with_keys_is_fine() -> None:
    """Its items are told apart by them."""
    assert sorted(one.map({1, 2}, key=str).open()) == [1, 2]


def test_an_iterator_is_opened_once() -> None:
    """A list and a function's iterators as often as one likes."""

    def numbers() -> Iterator[int]:
        yield 1

    for items in (numbers(), iter([1]), map(int, "1"), open(__file__, encoding="utf-8")):  # noqa: SIM115
        made = one.map(items)
        made.open()
        with pytest.raises(DefinitionError, match=r"already read.*function that returns an iterator"):
            made.open()
        getattr(items, "close", lambda: None)()
    for again in ([1], range(1, 2), numbers):
        made = one.map(again)
        assert [list(made.open()), list(made.open())] == [[1], [1]]


@pytest.mark.parametrize("key", ["name", 5, ["a"]])
def test_a_key_that_is_no_function_is_refused(key: Any) -> None:
    """Such as the name of a field."""
    with pytest.raises(DefinitionError, match="key= is a function of an item"):
        one.map([1], key=key)


def test_a_map_is_called_as_its_task_or_as_one_says() -> None:
    """A map is called as its task, or as one says; a name that cannot be is refused."""
    assert one.map([1]).task_id == "one"
    assert one(task_id="other").map([1]).task_id == "other"
    assert one.map([1], name="m").id == "m"
    assert repr(one.map([1], name="m")) == "<MapGroup m>"
    with pytest.raises(DefinitionError, match="an id is a printable text"):
        one.map([1], name="")


def test_what_the_log_records() -> None:
    """The task, the parameter that gets the item, where items come from, how they are told apart; and no items."""
    with workflow("w") as wf:
        first = one.map(source, name="over a task").with_execution(max_concurrent=3, rate_limit=5, chunk_size=2)
        source >> first
        one(more=5).map([1], key=str, name="keyed")
        one.map(first, name="over a map")
    compiled = Compiled(wf)
    specs = {group.id: group for group in compiled.definition.groups}
    assert [task.id for task in compiled.definition.tasks] == ["source"]
    first_spec, keyed, over = specs["over a task"], specs["keyed"], specs["over a map"]
    assert first_spec.map is not None
    assert keyed.map is not None
    assert over.map is not None
    assert (first_spec.members, first_spec.limit, first_spec.rate, first_spec.chunk) == ((), 3, 5.0, 2)
    assert (first_spec.map.task.id, first_spec.map.parameter) == ("one", "item")
    assert [(one.source, one.keyed) for one in (first_spec.map, keyed.map, over.map)] == [
        ("source", False), ("", True), ("over a task", True),
    ]  # fmt: skip
    assert keyed.map.task.args
    assert not first_spec.map.task.args
    assert ("over a task", "over a map") in compiled.definition.edges


def test_the_item_is_the_first_parameter_that_nothing_else_gives() -> None:
    """Not one that is bound, or is the result of another task."""

    @task
    def takes(context: TaskExecutionContext, source: list[int], bound: int, item: int, more: int = 0) -> None: ...

    with workflow("w") as wf:
        source >> takes(bound=1).map([1])
    found = Compiled(wf)
    assert found.mapped["takes"].parameter == "item"
    assert list(found.upstream["takes"]) == ["source"]


def test_the_source_of_the_items_may_be_named_by_the_parameter() -> None:
    """``analyse(discover)`` over ``discover``: an item of it."""

    @task
    def analyse(source: int) -> None: ...

    with workflow("w") as wf:
        source >> analyse.map(source)
    assert Compiled(wf).mapped["analyse"].parameter == "source"


def test_the_map_may_be_named_as_the_parameter() -> None:
    """It is not its own members' source."""
    with workflow("w") as wf:
        one.map([1], name="item")
    assert Compiled(wf).mapped["item"].parameter == "item"


def test_a_task_without_a_free_parameter_is_refused() -> None:
    """None at all, all bound, or all results."""

    @task
    def results(source: list[int]) -> None: ...

    with workflow("w") as wf:
        source.map([1])
    assert "task 'source' has no free parameter for the items of 'source'" in refused(wf)
    with workflow("w") as wf:
        one(item=1, more=2).map([1])
    assert "no free parameter" in refused(wf)
    with workflow("w") as wf:
        source >> results.map([1])
    assert "no free parameter" in refused(wf)


def test_a_parameter_that_nothing_gives_is_refused() -> None:
    """The item is only one of them."""
    with workflow("w") as wf:
        two.map([1])
    assert "nothing gives 'two' its parameter 'second'" in refused(wf)
    Compiled(wf).check_parameters(["second"])
    with workflow("w") as wf:
        two(second=1).map([1])
    Compiled(wf).check_parameters(())


def test_a_map_over_what_is_not_linked_is_refused() -> None:
    """Its result would never come. In a block it is linked by being gone over."""
    wf = Workflow("w")
    wf.add(one.map(source))
    assert "iterates over the result of 'source', which is not linked" in refused(wf)
    with workflow("w") as linked:
        one.map(source)
    assert [task.id for task in Compiled(linked).definition.tasks] == ["source"]


def test_a_map_that_goes_over_what_follows_it_is_a_cycle() -> None:
    """As of any tasks."""

    @task
    def after(one: Any) -> list[int]:
        return []

    with workflow("w") as wf:
        one.map(after) >> after
    assert "cycle" in refused(wf)


def test_a_chain_is_gone_over_at_its_end() -> None:
    """The last task's result."""
    made = one.map(two >> source)
    assert isinstance(made, MapGroup)
    assert made.source is source


def test_an_id_that_a_member_may_have_is_refused() -> None:
    """For a task and for a group."""
    with workflow("w") as wf:
        one.map([1])
        wf.add(source(task_id="one/0"))
    assert "the id 'one/0' may be that of a member of the map 'one'" in refused(wf)
    with workflow("w") as wf:
        one.map([1])
        parallel(source, name="one/x")
    assert "'one/x'" in refused(wf)


def test_two_maps_of_one_name_are_refused() -> None:
    """A task may be mapped twice under two names."""
    with workflow("w") as wf:
        one.map([1])
        one.map([2])
    assert "uses an id twice: one" in refused(wf)
    with workflow("w") as wf:
        one.map([1])
        one.map([2], name="again")
    assert len(Compiled(wf).definition.groups) == 2


def test_a_body_in_another_process_must_not_ask_for_the_context() -> None:
    """Said when the backend is chosen."""

    @task
    def asks(context: TaskExecutionContext, n: int) -> None: ...

    with pytest.raises(DefinitionError, match="asks for the context"):
        asks.map([1]).with_execution(backend="process")


def test_part_of_a_workflow_that_begins_with_a_map() -> None:
    """It may be started there, if its items do not come from what is left out."""
    with workflow("w") as wf:
        source >> one.map([1]) >> two(first=1, second=2)
    assert [group.id for group in Compiled(wf, "one").definition.groups] == ["one"]
    with workflow("w") as wf:
        one.map(source)
    with pytest.raises(DefinitionError, match="which is not linked"):
        Compiled(wf, "one")


@pytest.mark.parametrize(
    "settings",
    [{"rate_limit": 0}, {"rate_limit": -1}, {"rate_limit": True}, {"rate_limit": "5"}, {"rate_limit": float("nan")},
     {"rate_limit": float("inf")}, {"chunk_size": 0}, {"chunk_size": 1.5}, {"chunk_size": True}],
    ids=str,
)  # fmt: skip
def test_limits_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    """Where they are written."""
    with pytest.raises(DefinitionError, match=next(iter(settings))):
        one.map([1]).with_execution(**settings)
