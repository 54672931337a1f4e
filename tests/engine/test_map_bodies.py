"""Bodies of a map's members: their context, limits on how many start, and how far ahead items are read."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from durable import (
    CoordinationBackend,
    RetryPolicy,
    Store,
    TaskExecutionContext,
    Workflow,
    task,
    workflow,
)
from durable.core.decide import AHEAD
from durable.definition.item_windows import MOST_ITEMS
from durable.engine.load import load
from durable.testing import FakeClock
from tests.core.machine import facts
from tests.engine.reading import appends, count, trail

RAN: Counter[Any] = Counter()


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@task
def square(n: int) -> int:
    RAN[n] += 1
    return n * n


def single(body: Any, items: Any, store: Store, **settings: Any) -> Workflow:
    with workflow("w", store=store) as wf:
        body.map(items).with_execution(**settings)
    return wf


# What bodies may do.


def test_no_write_of_a_thousand_members_is_lost(store: Store) -> None:
    """Additions to one key of the channel add up."""

    @task
    def adds(context: TaskExecutionContext, n: int) -> None:
        context.get_channel().atomic_add("sum", n)

    @task
    def tells(sum: int) -> int:
        return sum

    with workflow("w", store=store) as wf:
        adds.map(range(1000)).with_execution(max_concurrent=16) >> tells
    assert wf.execute() == sum(range(1000))


def test_members_know_who_they_are(store: Store) -> None:
    """Id, attempt and idempotency key are the member's own."""

    @task(max_retries=1)
    def knows(context: TaskExecutionContext, name: str) -> list[Any]:
        if context.attempt == 1:
            raise OSError
        return [context.task_id, context.attempt, context.idempotency_key]

    with workflow("w", store=store) as wf:
        knows.map(["a", "b"], key=str, name="m")
    run = wf.start(run_id="r")
    assert run.result() == {name: [f"m/{name}", 2, f"r/m/{name}"] for name in "ab"}


def test_durable_calls_of_members(store: Store) -> None:
    """Steps are kept for the next attempt, sleeps and signals are waited for."""
    calls: Counter[int] = Counter()

    @task(max_retries=1)
    def works(context: TaskExecutionContext, n: int) -> list[Any]:
        def once(n: int) -> int:
            calls[n] += 1
            return n + 1

        found = context.step(once, n)
        context.sleep(n * 3600)
        if context.attempt == 1:
            raise OSError
        return [found, context.wait_for_signal(f"go {n}")]

    wf = single(works, range(20), store, max_concurrent=3)
    run = wf.start(run_id="r")
    for n in range(20):
        run.signal(f"go {n}", n)
    while run.status == "suspended":
        due = run.info.due
        if due is not None:
            store.clock.advance(max(due - store.clock.now(), 0) / 1e6)  # type: ignore[attr-defined]
        run = wf.start(run_id="r")
    assert run.result() == {str(n): [n + 1, n] for n in range(20)}
    assert calls == dict.fromkeys(range(20), 1)


def test_members_that_schedule_tasks(store: Store) -> None:
    """Each under its own id; what follows the map does not wait for them."""

    @task
    def schedules(context: TaskExecutionContext, n: int) -> int:
        context.next_task(square(n=n))
        return n

    run = single(schedules, range(40), store).start()
    run.result()
    assert {name: value for name, value in run.results.items() if name != "schedules"} == {
        f"schedules/{n}/square": n * n for n in range(40)
    }


def test_members_that_go_round(store: Store) -> None:
    """The next iteration gets other data in place of the item; then the item stands again in the next member."""

    @task(max_cycles=5)
    def halves(context: TaskExecutionContext, n: int) -> list[int]:
        if n > 1:
            context.next_iteration(n // 2)
        return [n, context.iteration]

    run = single(halves, [8, 1, 3], store).start()
    assert run.result() == {"0": [1, 4], "1": [1, 1], "2": [1, 2]}


def test_a_member_that_goes_somewhere_else(store: Store) -> None:
    """A task that has not started follows it; what follows the map is not skipped by it."""

    @task
    def jumps(context: TaskExecutionContext, n: int) -> int:
        if n == 30:
            context.next_task(wf.far, goto=True)  # type: ignore[attr-defined]
        return n

    @task
    def far() -> str:
        RAN["far"] += 1
        return "far"

    @task
    def after(jumps: Any) -> int:
        return len(jumps)

    with workflow("w", store=store) as wf:
        jumps.map(range(100)) >> after >> far
    wf.far = far  # type: ignore[attr-defined]
    run = wf.start()
    assert run.result() == "far"
    assert run.results["after"] == 100
    assert RAN == {"far": 1}
    assert facts(load(store, run.run_id, use_checkpoints=False)) == facts(run.load_state())


# Limits.


@pytest.mark.parametrize("backend", [CoordinationBackend.THREADING, CoordinationBackend.ASYNCIO])
def test_no_more_run_at_once_than_may(store: Store, backend: CoordinationBackend) -> None:
    """Also across windows."""
    lock, live, most = threading.Lock(), [0], [0]

    @task
    def counted(n: int) -> int:
        with lock:
            live[0] += 1
            most[0] = max(most[0], live[0])
        time.sleep(0.0005)
        with lock:
            live[0] -= 1
        return n

    run = single(counted, range(150), store, backend=backend, max_concurrent=3).start()
    assert len(run.result()) == 150
    assert most == [3]


def starts(run: Any) -> list[float]:
    """When attempts were started, seconds since the first of them."""
    times = [event.time / 1e6 for event in run.events() if event.type == "TaskStarted"]
    return [time - times[0] for time in times]


@pytest.mark.parametrize("chunk", [None, 7])
def test_no_more_start_in_a_second_than_may(store: Store, clock: FakeClock, chunk: int | None) -> None:
    """Whatever is free, and also when members are handed over in chunks."""
    run = single(square, range(100), store, rate_limit=10, max_concurrent=50, chunk_size=chunk).start()
    found = starts(run)
    assert len(found) == 100
    for place, time_ in enumerate(found):
        assert sum(time_ <= other < time_ + 1 for other in found[place:]) <= 11
    assert found[-1] <= 9.95


def test_retries_count_as_starts(store: Store, clock: FakeClock) -> None:
    """Attempts are what may start."""

    @task(retry=RetryPolicy(max_attempts=3, initial_interval=0.001))
    def flaky(context: TaskExecutionContext, n: int) -> int:
        if context.attempt < 3:
            raise OSError
        return n

    found = starts(single(flaky, range(10), store, rate_limit=10).start())
    assert len(found) == 30
    assert found[-1] >= 2.85


def test_a_policy_that_retries_members_does_not_get_around_the_rate(store: Store, clock: FakeClock) -> None:
    """What is opened again starts at the same pace."""

    class Retries:
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            for name, result in results.iter():
                if result.attempts < 5:
                    context.next_task(name)
                    return

    found = starts(single(square, range(4), store, rate_limit=2, policy=Retries()).start())
    assert len(found) == 20
    assert found[-1] >= 19 * 0.5 - 0.06


@pytest.mark.parametrize("size", [1, 6, 7, 8, 100])
def test_chunks_are_recorded_one_by_one(store: Store, size: int) -> None:
    """Members that are handed over together still have their own results."""
    run = single(square, range(size), store, chunk_size=7, max_concurrent=2).start()
    assert run.result() == {str(n): n * n for n in range(size)}
    assert count(run, "TaskSucceeded") == count(run, "TaskStarted") == size
    together = [
        sum(line.startswith("TaskStarted") for line in append)
        for append in appends(store, run.run_id)
        if any(line.startswith("TaskStarted") for line in append)
    ]
    assert all(found % 7 == 0 for found in together[:-1])


def test_a_failure_in_a_chunk_is_that_of_one_member(store: Store) -> None:
    """The others of the chunk succeed."""

    @task(max_retries=1)
    def odd(n: int) -> int:
        RAN[n] += 1
        if n == 3:
            raise ValueError("no")
        return n

    run = single(odd, range(10), store, chunk_size=5, policy="best_effort").start()
    assert list(run.result()) == [str(n) for n in range(10) if n != 3]
    assert {**dict.fromkeys(range(10), 1), 3: 2} == RAN


def test_a_member_that_takes_too_long(store: Store, clock: FakeClock) -> None:
    """Its attempt times out, and is followed by another one."""
    held = threading.Event()

    @task(timeout=5, max_retries=1)
    def hangs(context: TaskExecutionContext, n: int) -> int:
        if n == 2 and context.attempt == 1:
            threading.Thread(target=passes).start()
            held.wait(10)
        return n

    def passes() -> None:
        clock.wait_for_waiters()
        clock.advance(6)

    run = single(hangs, range(4), store, max_concurrent=1).start()
    held.set()
    assert run.result() == {str(n): n for n in range(4)}
    assert trail(run, "TaskRetryScheduled") == ["TaskRetryScheduled hangs/2"]


def test_a_member_whose_deadline_passes(store: Store, clock: FakeClock) -> None:
    """The time from its first start counts, waits included."""

    @task(deadline=20)
    def sleeps(context: TaskExecutionContext, n: int) -> int:
        if n == 1:
            context.sleep(50)
        return n

    wf = single(sleeps, range(3), store, policy="best_effort")
    run = wf.start(run_id="r")
    assert run.result() == {"0": 0, "2": 2}
    assert trail(run, "TaskTimedOut") == ["TaskTimedOut sleeps/1"]


# How far ahead items are read.


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

    run = single(body, lambda: map(Item, range(8_000)), store, max_concurrent=4, chunk_size=20).start()
    assert len(run.result()) == 8_000
    assert Item.most <= 6 * MOST_ITEMS  # one window that is read, one that is encoded, four that members are given


def test_large_items_make_small_windows(store: Store) -> None:
    """A window has about a MiB."""
    items = (b"x" * 300_000 for _ in range(40))

    @task
    def size(item: bytes) -> int:
        return len(item)

    run = single(size, items, store).start()
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

    assert single(body, source, store).execute() == {"0": 1, "1": 2, "2": 3}
