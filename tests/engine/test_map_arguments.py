"""What a map's members get beside their item: results, channel values, defaults and bound values, each its own copy."""

from __future__ import annotations

import pytest

from durable import Store, TaskExecutionContext, task, workflow
from tests.engine.mapping import BROKEN, RAN


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


def test_a_map_that_follows_something(store: Store) -> None:
    """Its members' other parameters are results, the channel's values and defaults; items come first."""

    @task
    def before(context: TaskExecutionContext) -> int:
        context.set("offset", 1000)
        return 100

    @task
    def adds(n: int, before: int, offset: int, more: int = 5) -> int:
        return n + before + offset + more

    with workflow("w", store=store) as wf:
        before >> adds.map([1, 2])
    assert wf.execute() == {"0": 1106, "1": 1107}


def test_bound_arguments_are_shared_and_each_member_has_its_own_copy(store: Store) -> None:
    """The item is bound to the first parameter that is free."""

    @task
    def appends(kept: list[int], n: int) -> list[int]:
        kept.append(n)
        return kept

    with workflow("w", store=store) as wf:
        appends(kept=[0]).map([1, 2, 3])
    assert wf.execute() == {"0": [0, 1], "1": [0, 2], "2": [0, 3]}


def test_an_item_that_a_member_changes_is_not_seen_by_others_or_by_its_retry(store: Store) -> None:
    """Each attempt gets a fresh value, whoever has the items."""

    @task
    def discover() -> list[list[int]]:
        return [[n] for n in range(40)]

    @task(max_retries=2)
    def spoils(context: TaskExecutionContext, item: list[int]) -> list[int]:
        item.append(context.attempt)
        if context.attempt < 3:
            raise OSError
        return item

    with workflow("w", store=store) as wf:
        shared = [0]
        spoils.map([shared, shared, shared], name="listed")
        discover >> spoils.map(discover, name="found")
    run = wf.start()
    assert run.result() == {"listed": {key: [0, 3] for key in "012"}, "found": {str(n): [n, 3] for n in range(40)}}
