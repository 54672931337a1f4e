"""Maps: one task over many items, whatever the items come from; values in the order of the items."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from durable import CoordinationBackend, DefinitionError, Store, task, workflow
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.mapping import BROKEN, RAN, alone, square, squares
from tests.engine.reading import count, statuses


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


class Numbers:
    """Can be gone over again and again, is no list."""

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2, 3))


@pytest.mark.parametrize(
    "items",
    [
        [1, 2, 3],
        (1, 2, 3),
        range(1, 4),
        (n for n in (1, 2, 3)),
        iter([1, 2, 3]),
        {1: "a", 2: "b", 3: "c"},
        Numbers(),
        lambda: [1, 2, 3],
        lambda: (n for n in (1, 2, 3)),
    ],
    ids=["list", "tuple", "range", "generator", "iterator", "dict", "iterable", "function", "function of a generator"],
)
def test_a_map_goes_over_anything_that_can_be_gone_over(store: Store, items: Any) -> None:
    """Anything that can be gone over; members are named by position, and each runs once."""
    run = alone(items, store).start()
    assert run.result() == squares(1, 2, 3)
    assert RAN == {1: 1, 2: 1, 3: 1}
    assert facts(load(store, run.run_id, use_checkpoints=False)) == facts(run.load_state())


@pytest.mark.parametrize("size", [1, 15, 16, 17, 80, 81, 336, 337, 2400])
def test_every_item_is_there_once_whatever_the_size_of_windows(store: Store, size: int) -> None:
    """Around the ends of windows of 16, 64, 256 and 1,000 items."""
    run = alone((n for n in range(size)), store).start()
    values = run.result()
    assert list(values.items()) == [(str(n), n * n) for n in range(size)]
    assert set(RAN.values()) == {1}
    assert count(run, "TaskStarted") == len(RAN) == size
    recorded = [event.fields["count"] for event in run.events() if event.type == "MembersAdded"]
    assert sum(recorded) == size
    assert max(recorded) <= 1000


def test_values_stand_in_the_order_of_the_items_whatever_finishes_first(store: Store) -> None:
    """The first item is the last one to finish."""
    go = threading.Barrier(3)
    ended: list[int] = []

    @task
    def late(n: int) -> int:
        go.wait(10)
        while len(ended) < 2 - n:
            time.sleep(0.001)
        ended.append(n)
        return n

    @task
    def names(late: Any) -> list[Any]:
        return [list(late), list(late.values()), list(late.items()), list(late.iter())]

    with workflow("w", store=store) as wf:
        late.map(range(3)).with_execution(max_concurrent=3) >> names
    assert wf.execute() == [["0", "1", "2"], [0, 1, 2], *2 * [[("0", 0), ("1", 1), ("2", 2)]]]
    assert ended == [2, 1, 0]


def test_keys_name_members(store: Store) -> None:
    """Texts and whole numbers, with anything printable in them."""
    wf = alone([3, 1, 2], store, key=lambda n: {3: "a/b", 1: 7, 2: "ü #2"}[n])
    run = wf.start()
    assert dict(run.result()) == {"a/b": 9, "7": 1, "ü #2": 4}
    assert list(run.task_results("square")) == ["a/b", "7", "ü #2"]
    assert set(statuses(run)) == {"square"}
    assert [run.load_state().node_status(f"square/{key}") for key in ("a/b", "7", "ü #2")] == 3 * ["succeeded"]


def test_two_maps_at_once_and_the_same_task_twice(store: Store) -> None:
    """Each has its own members, also while both grow."""
    with workflow("w", store=store) as wf:
        square.map((n for n in range(300)), name="one")
        square.map(range(300, 400), name="two")
    run = wf.start()
    assert {name: len(values) for name, values in run.result().items()} == {"one": 300, "two": 100}
    assert run.result()["two"]["99"] == 399**2
    assert set(RAN.values()) == {1}
    assert len(RAN) == 400


def test_the_group_runs_on_its_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every group does."""
    monkeypatch.setenv("DURABLE_STORE", f"sqlite:///{tmp_path}/runs.db")
    results = square.map(range(20)).run(store="memory://")
    assert {name: result.value for name, result in results.items()} == squares(*range(20))


def test_an_id_of_a_member_is_not_that_of_a_task(store: Store) -> None:
    """A task called as a member would be is refused: results would be mixed up."""
    with workflow("w", store=store) as wf:
        square.map([1, 2])
        wf.add(square(task_id="square/1", n=9))
    with pytest.raises(DefinitionError, match="square/1"):
        wf.execute()


@pytest.mark.parametrize("chunk", [1, 6])
@pytest.mark.parametrize("backend", list(CoordinationBackend))
def test_members_run_on_every_backend(store: Store, backend: CoordinationBackend, chunk: int) -> None:
    """Members run wherever groups' members run, also when several of them are handed over at once."""
    run = alone((n for n in range(20)), store, backend=backend, chunk_size=chunk, max_concurrent=2).start()
    assert run.result() == squares(*range(20))


@pytest.mark.parametrize("chunk", [1, 6])
def test_a_map_of_coroutines(store: Store, chunk: int) -> None:
    """As members of a map."""
    import asyncio

    @task
    async def waits(n: int) -> int:
        await asyncio.sleep(0)
        return n + 1

    with workflow("w", store=store) as wf:
        waits.map(range(50)).with_execution(backend="asyncio", max_concurrent=7, chunk_size=chunk)
    assert wf.execute() == {str(n): n + 1 for n in range(50)}
