"""Maps over what tasks, groups and other maps returned: items are not recorded once more, and keep their names."""

from __future__ import annotations

from typing import Any

import pytest

from durable import ParallelGroupError, Store, parallel, task, workflow
from tests.engine.mapping import BROKEN, RAN, square, squares, total


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


@task
def told(square: Any) -> list[Any]:
    return list(square.items())


def test_over_the_result_of_a_task(store: Store) -> None:
    """Its items are not recorded once more."""

    @task
    def discover() -> list[int]:
        return list(range(40))

    with workflow("w", store=store) as wf:
        discover >> square.map(discover) >> total
    run = wf.start()
    assert run.result() == sum(n * n for n in range(40))
    assert not any(event.payload for event in run.events() if event.type == "MembersAdded")


def test_over_the_result_of_a_task_with_keys(store: Store) -> None:
    """Keys are taken of the recorded value."""

    @task
    def discover() -> list[dict[str, Any]]:
        return [{"id": name, "n": n} for n, name in enumerate("xyz")]

    @task
    def takes(item: dict[str, Any]) -> int:
        return 10 * item["n"]

    with workflow("w", store=store) as wf:
        discover >> takes.map(discover, key=lambda item: item["id"])
    assert wf.execute() == {"x": 0, "y": 10, "z": 20}


def test_a_map_over_a_task_follows_it_without_being_linked(store: Store) -> None:
    """That it goes over its result says so."""

    @task
    def discover() -> list[int]:
        return [1, 2]

    with workflow("w", store=store) as wf:
        square.map(discover)
    assert wf.execute() == squares(1, 2)


@pytest.mark.parametrize("result", ["a text", 5, {1, 2}, None], ids=["text", "number", "set", "none"])
def test_a_result_that_cannot_be_gone_over_fails_the_map(store: Store, result: Any) -> None:
    """Naming the map, and not going over characters."""

    @task
    def discover() -> Any:
        return result

    with workflow("w", store=store) as wf:
        discover >> square.map(discover)
    with pytest.raises(ParallelGroupError, match=r"items of .square. cannot be read: .*square\.map"):
        wf.execute()


def test_over_the_values_of_a_group(store: Store) -> None:
    """Under its members' names; those that failed are left out."""

    @task
    def one(n: int) -> int:
        if n == 2:
            raise ValueError("no")
        return n

    with workflow("w", store=store) as wf:
        group = parallel(*(one(task_id=f"m{n}", n=n) for n in range(4)), name="g").with_execution(policy="best_effort")
        group >> square.map(group) >> told
    run = wf.start()
    assert run.result() == [("m0", 0), ("m1", 1), ("m3", 9)]
    assert not any(event.payload for event in run.events() if event.type == "MembersAdded")


def test_over_the_values_of_a_map(store: Store) -> None:
    """Members have the same names, through as many maps as there are."""

    @task
    def plus(n: int) -> int:
        if n == 4:
            raise ValueError("no")
        return n + 1

    with workflow("w", store=store) as wf:
        first = square.map(range(100))
        second = plus.map(first).with_execution(policy="best_effort")
        first >> second >> square.map(second, name="again")
    expected = {str(n): (n * n + 1) ** 2 for n in range(100) if n * n != 4}
    assert wf.execute() == expected


def test_over_a_nested_group(store: Store) -> None:
    """The values of groups inside it are dicts."""

    @task
    def size(values: Any) -> int:
        return sum(values.values())

    with workflow("w", store=store) as wf:
        inner = [parallel(square(task_id=f"{name}{n}", n=n) for n in (1, 2)) for name in "ab"]
        outer = parallel(*(group for group in inner), name="outer")
        outer >> size.map(outer)
    assert sorted(wf.execute().values()) == [5, 5]
