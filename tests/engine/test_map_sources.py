"""Sources of maps: empty, failing, with items or keys that cannot be, and such as can be read only once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from durable import (
    DuplicateKey,
    ParallelGroupError,
    Store,
    TaskExecutionContext,
    UpstreamUnavailable,
    Workflow,
    open_run,
    task,
    workflow,
)
from tests.engine.reading import count, statuses

RAN: Counter[Any] = Counter()


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@task
def square(n: int) -> int:
    RAN[n] += 1
    return n * n


@task
def told(square: Any) -> list[Any]:
    return list(square.items())


def mapped(items: Any, store: Any = None, key: Any = None, **settings: Any) -> Workflow:
    """A workflow of one map of ``square``."""
    with workflow("w", store=store) as wf:
        square.map(items, key).with_execution(**settings)
    return wf


def squares(*numbers: int) -> dict[str, int]:
    return {str(place): n * n for place, n in enumerate(numbers)}


@pytest.mark.parametrize("items", [[], (), iter(()), lambda: iter(())], ids=["list", "tuple", "iterator", "function"])
def test_a_map_over_no_items_is_judged_with_no_members(store: Store, items: Any) -> None:
    """The map is judged with no members, and what follows gets none."""
    with workflow("w", store=store) as wf:
        square.map(items) >> told
    run = wf.start()
    assert run.result() == []
    assert statuses(run) == {"square": "succeeded", "told": "succeeded"}


def test_no_items_with_a_policy_that_wants_some(store: Store) -> None:
    """It fails, as any group that has too few."""
    with pytest.raises(ParallelGroupError, match="0 of 0 members succeeded, 1 are needed"):
        mapped([], store, policy={"type": "at_least_n", "min_success": 1}).execute()


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("place", [0, 5, 700])
def test_a_source_that_fails(store: Store, place: int, keyed: bool) -> None:
    """It fails the map, saying so; a resume goes on with the items that come then and runs no member twice."""
    broken = [True]

    def numbers() -> Iterator[int]:
        for n in range(1000):
            if broken and n == place:
                raise OSError("the disk is gone")
            yield n

    wf = mapped(numbers, store, key=str if keyed else None)
    with pytest.raises(ParallelGroupError, match="items of 'square' cannot be read: OSError: the disk is gone") as told:
        wf.execute(run_id="r")
    assert isinstance(told.value.__cause__, OSError)
    broken.clear()
    assert wf.resume("r") == squares(*range(1000))
    assert count(open_run("r", store=store), "TaskSucceeded") == 1000
    ran_twice = {n for n, times in RAN.items() if times > 1}
    succeeded_twice = Counter(e.task_id for e in open_run("r", store=store).events() if e.type == "TaskSucceeded")
    assert set(succeeded_twice.values()) == {1}
    assert len(ran_twice) <= 32  # those that ran when the map failed


@pytest.mark.parametrize("kind", ["list", "generator"])
@pytest.mark.parametrize("place", [3, 30, 500])
def test_an_item_that_cannot_be_recorded_is_named(store: Store, kind: str, place: int) -> None:
    """By its position, wherever it stands."""
    items: list[Any] = list(range(600))
    items[place] = threading.Lock()
    wf = mapped(items if kind == "list" else (item for item in items), store)
    with pytest.raises(ParallelGroupError, match=f"PayloadError: item {place} of 'square' cannot be recorded"):
        wf.execute()


@pytest.mark.parametrize("kind", ["list", "generator"])
@pytest.mark.parametrize("place", [5, 40, 900])
def test_a_key_that_two_items_have_is_named_with_both_positions(store: Store, kind: str, place: int) -> None:
    """In one window and in different ones."""
    items = list(range(1000))
    items[place] = 2
    wf = mapped(items if kind == "list" else lambda: iter(items), store, key=str)
    with pytest.raises(ParallelGroupError, match=f"positions 2 and {place} of 'square' have the same key '2'") as told:
        wf.execute()
    assert isinstance(told.value.__cause__, DuplicateKey)


def test_an_iterator_is_read_once(store: Store) -> None:
    """The second run of the workflow is told what to write."""
    wf = mapped(iter([1, 2]), store)
    assert wf.execute() == squares(1, 2)
    with pytest.raises(ParallelGroupError, match="come from an iterator that was already read"):
        wf.execute()


def test_a_map_over_what_ended_without_a_value_fails(store: Store) -> None:
    """It may not be taken for one over nothing."""

    @task
    def first(context: TaskExecutionContext) -> None:
        context.next_task(third, goto=True)

    @task
    def second() -> list[int]:
        return [1]

    @task
    def third() -> None: ...

    with workflow("w", store=store) as wf:
        first >> second >> third
        third >> square.map(second)
    with pytest.raises(ParallelGroupError, match="result of 'second', which ended without one") as told:
        wf.execute()
    assert isinstance(told.value.__cause__, UpstreamUnavailable)
