"""Maps: one task over many items, whatever the items come from; values in the order of the items."""

from __future__ import annotations

import gc
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from durable import (
    CoordinationBackend,
    DefinitionError,
    ParallelGroupError,
    Store,
    TaskExecutionContext,
    Workflow,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.reading import count, statuses, trail

RAN: Counter[Any] = Counter()


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@task
def square(n: int) -> int:
    RAN[n] += 1
    return n * n


@task
def total(square: Any) -> int:
    return sum(square.values())


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
def test_what_a_map_goes_over(store: Store, items: Any) -> None:
    """Anything that can be gone over; members are named by position, and each runs once."""
    run = mapped(items, store).start()
    assert run.result() == squares(1, 2, 3)
    assert RAN == {1: 1, 2: 1, 3: 1}
    assert facts(load(store, run.run_id, use_checkpoints=False)) == facts(run.load_state())


@pytest.mark.parametrize("size", [1, 15, 16, 17, 80, 81, 336, 337, 2400])
def test_every_item_is_there_once_whatever_the_size_of_windows(store: Store, size: int) -> None:
    """Around the ends of windows of 16, 64, 256 and 1,000 items."""
    run = mapped((n for n in range(size)), store).start()
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
    wf = mapped([3, 1, 2], store, key=lambda n: {3: "a/b", 1: 7, 2: "ü #2"}[n])
    run = wf.start()
    assert dict(run.result()) == {"a/b": 9, "7": 1, "ü #2": 4}
    assert list(run.task_results("square")) == ["a/b", "7", "ü #2"]
    assert set(statuses(run)) == {"square"}
    assert [run.load_state().node_status(f"square/{key}") for key in ("a/b", "7", "ü #2")] == 3 * ["succeeded"]


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


def test_a_map_inside_a_group(store: Store) -> None:
    """It is a member like any group."""

    @task
    def other() -> str:
        return "other"

    @task
    def both(outer: Any) -> Any:
        return [dict(outer["square"]), outer["other"]]

    with workflow("w", store=store) as wf:
        parallel(square.map(range(20)), other, name="outer") >> both
    run = wf.start()
    assert run.result() == [squares(*range(20)), "other"]
    assert statuses(run)["outer"] == "succeeded"


def test_a_map_inside_a_group_that_fails(store: Store) -> None:
    """Its failure is that of the member, and a resume runs only what failed."""
    broken = [True]

    @task
    def fragile(n: int) -> int:
        RAN[n] += 1
        if broken and n == 3:
            raise ValueError("no")
        return n

    with workflow("w", store=store) as wf:
        parallel(fragile.map(range(20)), square(n=100), name="outer")
    with pytest.raises(ParallelGroupError, match="outer"):
        wf.execute(run_id="r")
    broken.clear()
    assert wf.resume("r")["square"] == 10000
    assert {**dict.fromkeys(range(20), 1), 3: 2, 100: 1} == RAN


def test_a_chain_of_a_map_as_a_member(store: Store) -> None:
    """The end of the line gives the member its name."""
    with workflow("w", store=store) as wf:
        parallel(square.map(range(5)) >> total, square(task_id="other", n=3), name="outer")
    assert wf.execute() == {"total": 30, "other": 9}


def test_callbacks_and_what_follows(store: Store) -> None:
    """The callback runs once, before what follows the map, with all values."""

    @task
    def adds(values: Any) -> int:
        return sum(values.values())

    @task
    def last(adds: int, square: Any) -> list[int]:
        return [adds, len(square)]

    with workflow("w", store=store) as wf:
        square.map(range(30), callback=adds) >> last
    run = wf.start()
    assert run.result() == [sum(n * n for n in range(30)), 30]
    assert trail(run, "GroupSucceeded", "TaskStarted")[-3:] == [
        "GroupSucceeded square",
        "TaskStarted adds",
        "TaskStarted last",
    ]


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


def test_values_are_read_when_they_are_asked_for(store: Store) -> None:
    """A consumer may look at one value, ask for a name that is not there, compare, and return the whole."""

    @task
    def looks(square: Any) -> Any:
        assert square["7"] == 49
        assert "7" in square
        assert "40" not in square
        assert "07" not in square
        assert 7 not in square
        assert square.get("40", "none") == "none"
        assert len(square) == 40
        with pytest.raises(KeyError):
            square["x"]
        assert square == squares(*range(40))
        assert square != squares(*range(39))
        assert "35 more" in repr(square)
        return square

    with workflow("w", store=store) as wf:
        square.map(range(40)) >> looks
    found = wf.execute()
    assert type(found) is dict
    assert found == squares(*range(40))


def test_results_of_members(store: Store) -> None:
    """By short id, made when they are asked for; and those of all one after another."""

    @task
    def odd(n: int) -> int:
        if n % 2:
            raise ValueError(f"{n} is odd")
        return n

    with workflow("w", store=store) as wf:
        odd.map(range(100)).with_execution(policy="best_effort")
    run = wf.start()
    results = run.task_results("odd")
    assert len(results) == 100
    assert [result.success for _, result in results.iter()] == 50 * [True, False]
    assert results["98"].value == 98
    assert "99 is odd" in results["99"].error_message
    assert (len(results.failed), results.failed[1], results.failed[-1]) == (50, "3", "99")
    assert list(results.succeeded[:3]) == ["0", "2", "4"]
    with pytest.raises(KeyError):
        results["100"]
    assert run.results["odd"] == {str(n): n for n in range(0, 100, 2)}


def test_a_store_of_ones_own_stays_open_as_long_as_values_may_be_read(tmp_path: Any) -> None:
    """Also when nobody holds on to the run."""
    wf = mapped(range(30), f"sqlite:///{tmp_path}/runs.db")
    assert dict(wf.execute()) == squares(*range(30))
    run_id = wf.start().run_id
    found = [open_run(run_id, wf.store).results["square"], open_run(run_id, wf.store).result()]
    member = open_run(run_id, wf.store).task_results("square")["7"]
    gc.collect()
    assert [dict(values) for values in found] == 2 * [squares(*range(30))]
    assert member.value == 49


def test_the_group_runs_on_its_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every group does."""
    monkeypatch.setenv("DURABLE_STORE", f"sqlite:///{tmp_path}/runs.db")
    results = square.map(range(20)).run(store="memory://")
    assert {name: result.value for name, result in results.items()} == squares(*range(20))


def test_progress_and_plan_of_a_run_with_a_map(store: Store) -> None:
    """Both can be asked for."""
    run = mapped(range(100), store).start()
    progress = run.progress()
    assert progress.done == progress.total == 100
    run.plan()


def test_a_run_can_be_read_while_its_map_grows(store: Store) -> None:
    """By the bodies' results as they come, from another thread."""
    seen: list[int] = []

    @task
    def reads(context: TaskExecutionContext, n: int) -> int:
        if n % 97 == 0:
            run = open_run(context.run_id, store=store)
            results = run.task_results("reads")
            seen.append(len(results))
            assert all(result.success for _, result in results.iter() if result.status == "succeeded")
            run.progress()
            run.plan()
            assert facts(load(store, context.run_id)) is not None
        return n

    with workflow("w", store=store) as wf:
        reads.map(n for n in range(500))
    run = wf.start()
    assert len(run.result()) == 500
    assert seen[0] < 500


def test_a_map_in_a_map_is_refused_or_scheduled(store: Store) -> None:
    """Members are tasks; a member may schedule a map of its own."""

    @task
    def outer(context: TaskExecutionContext, n: int) -> int:
        context.next_task(square.map(range(n), name="inner"))
        return n

    with workflow("w", store=store) as wf:
        outer.map([2, 3])
    run = wf.start()
    assert dict(run.task_results("outer/0/inner"))["1"].value == 1
    assert dict(run.results["outer/1/inner"]) == squares(0, 1, 2)


def test_an_id_of_a_member_is_not_that_of_a_task(store: Store) -> None:
    """A task called as a member would be is refused: results would be mixed up."""
    with workflow("w", store=store) as wf:
        square.map([1, 2])
        wf.add(square(task_id="square/1", n=9))
    with pytest.raises(DefinitionError, match="square/1"):
        wf.execute()


@pytest.mark.parametrize("chunk", [1, 6])
@pytest.mark.parametrize("backend", list(CoordinationBackend))
def test_backends(store: Store, backend: CoordinationBackend, chunk: int) -> None:
    """Members run wherever groups' members run, also when several of them are handed over at once."""
    run = mapped((n for n in range(20)), store, backend=backend, chunk_size=chunk, max_concurrent=2).start()
    assert run.result() == squares(*range(20))


@pytest.mark.parametrize("chunk", [1, 6])
def test_coroutines(store: Store, chunk: int) -> None:
    """As members of a map."""
    import asyncio

    @task
    async def waits(n: int) -> int:
        await asyncio.sleep(0)
        return n + 1

    with workflow("w", store=store) as wf:
        waits.map(range(50)).with_execution(backend="asyncio", max_concurrent=7, chunk_size=chunk)
    assert wf.execute() == {str(n): n + 1 for n in range(50)}
