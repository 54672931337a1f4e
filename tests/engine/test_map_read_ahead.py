"""How far ahead a map reads its items: a bounded number, let go of when done, begun with at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from durable import Store, task, workflow
from durable.core.decide import AHEAD
from durable.definition.item_windows import MOST_ITEMS
from tests.engine.mapping import BROKEN, RAN, single_map


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


@pytest.mark.parametrize("keyed", [False, True])
def test_no_more_items_are_alive_than_wait_to_be_started(store: Store, keyed: bool) -> None:
    """The source is ahead of what was started by a bounded number, however many items there are."""
    given, ahead = [0], [0]

    def source() -> Iterator[int]:
        for n in range(20_000):
            given[0] = n + 1
            yield n

    @task
    def body(n: int) -> None:
        ahead[0] = max(ahead[0], given[0] - n)

    with workflow("w", store=store) as wf:
        body.map(source, key=str if keyed else None).with_execution(max_concurrent=4, chunk_size=50)
    run = wf.start()
    assert run.status == "succeeded"
    assert given == [20_000]
    assert ahead[0] <= AHEAD + 2 * MOST_ITEMS + 200


class Item:
    """Counts how many of it are alive."""

    alive = 0
    most = 0

    def __init__(self, n: int) -> None:
        self.n = n
        Item.alive += 1
        Item.most = max(Item.most, Item.alive)

    def __setstate__(self, state: dict[str, int]) -> None:
        self.__dict__.update(state)
        Item.alive += 1
        Item.most = max(Item.most, Item.alive)

    def __del__(self) -> None:
        Item.alive -= 1


def test_items_are_let_go_of(store: Store) -> None:
    """Neither what was read nor what was decoded for members piles up."""
    Item.alive = Item.most = 0

    @task
    def body(item: Item) -> int:
        return item.n

    run = single_map(body, lambda: map(Item, range(8_000)), store, max_concurrent=4, chunk_size=20).start()
    assert len(run.result()) == 8_000
    assert Item.most <= 6 * MOST_ITEMS  # one window that is read, one that is encoded, four that members are given


def test_large_items_make_small_windows(store: Store) -> None:
    """A window has about a MiB."""
    items = (b"x" * 300_000 for _ in range(40))

    @task
    def size(item: bytes) -> int:
        return len(item)

    run = single_map(size, items, store).start()
    assert len(run.result()) == 40
    recorded = [event.fields["count"] for event in run.events() if event.type == "MembersAdded"]
    assert max(recorded) <= 4


def test_what_a_slow_source_gave_is_begun_with(store: Store) -> None:
    """Members run before the next item comes."""
    ran = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        time.sleep(0.15)
        yield 2
        assert ran.wait(10)
        yield 3

    @task
    def body(n: int) -> int:
        ran.set()
        return n

    assert single_map(body, source, store).execute() == {"0": 1, "1": 2, "2": 3}
