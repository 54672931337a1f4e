"""``context.track``: a loop goes on after the last item that was finished, wherever it was cut off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from durable import DivergenceError, Store, TaskExecutionContext, TaskFailed, Workflow
from durable.engine.load import load
from durable.testing import FakeClock
from tests.core.machine import facts
from tests.engine.cutting import cuts
from tests.engine.reading import count, statuses
from tests.engine.single import single


def test_a_loop_goes_on_after_the_last_finished_item_wherever_it_was_cut_off(store: Store, clock: FakeClock) -> None:
    """At every place of its log: no finished item is done again, and the result is the same."""
    ran: list[str] = []

    def double(n: int) -> int:
        ran.append(f"step {n}")
        return 2 * n

    def body(ctx: TaskExecutionContext) -> int:
        for n in ctx.track([1, 2, 3]):
            ran.append(f"item {n}")
            ctx.get_channel().append("doubled", ctx.step(double, n))
        return int(sum(ctx.get("doubled")))

    wf = single(body, store)
    run = wf.start(run_id="r")
    assert run.result() == 12
    for seq, part in cuts(run):
        events = [event for event in run.events() if event.seq <= seq]
        finished = sum(event.type == "CursorMoved" for event in events)
        steps = sum(event.type == "StepSucceeded" for event in events)
        succeeded = any(event.type == "TaskSucceeded" for event in events)
        ran.clear()
        again = wf.start(run_id="r", store=part)
        assert again.result() == 12
        assert again.load_state().channel.keys() == {"doubled"}
        assert [event.type for event in again.events()].count("ChannelWritten") == 3
        expected = [] if succeeded else [f"item {n}" for n in (1, 2, 3)[finished:]]
        assert [line for line in ran if line.startswith("item")] == expected, seq
        assert [line for line in ran if line.startswith("step")] == [f"step {n}" for n in (1, 2, 3)[steps:]], seq


def test_an_items_step_is_not_mistaken_for_that_of_the_item_before(store: Store) -> None:
    """The first item failed after its step: it gets the recorded value, and the second one calls its own."""

    def same(n: int) -> int:
        return n

    def body(ctx: TaskExecutionContext) -> list[int]:
        found = []
        for n in ctx.track([1, 2, 3]):
            found.append(ctx.step(same, n))
            if ctx.attempt == 1:
                raise OSError
        return found

    assert single(body, store, max_retries=1).execute() == [1, 2, 3]


def test_with_a_key_items_before_the_cursor_may_come_and_go(store: Store) -> None:
    """The loop goes on after the item that was finished last, wherever that stands now."""
    items = {1: ["a", "b", "c"], 2: ["new", "b", "c", "d"], 3: ["c", "d"]}
    seen: list[str] = []

    def body(ctx: TaskExecutionContext) -> None:
        for name in ctx.track(items[ctx.attempt], key=str.upper):
            if name == {1: "c", 2: "d"}.get(ctx.attempt):
                raise OSError
            seen.append(name)

    single(body, store, max_retries=5).execute()
    assert seen == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("items", "key", "said"),
    [
        ([["a", "c"], ["x", "b"]], None, "item 0 is not the one that was finished there"),
        ([["a", "b"], []], None, "1 items were finished and there are only 0 now"),
        ([["a", "b"], ["b", "c"]], str.lower, "the last item that was finished is not among the items any more"),
    ],
)
def test_items_that_are_not_those_of_before_are_a_divergence(
    store: Store, items: list[list[str]], key: Any, said: str
) -> None:
    """Refused by name instead of skipping or repeating the wrong ones; not retried."""

    def body(ctx: TaskExecutionContext) -> None:
        for number, _ in enumerate(ctx.track(items[ctx.attempt - 1], key=key)):
            if number == len(items[0]) - 1:
                raise OSError
        raise OSError

    run = single(body, store, max_retries=5).start()
    with pytest.raises(TaskFailed, match=said) as caught:
        run.result()
    assert isinstance(caught.value.__cause__, DivergenceError)
    assert count(run, "TaskStarted") == 2


def test_the_items_may_be_a_generator(store: Store) -> None:
    """It is made anew by each attempt and read past what is finished."""
    seen: list[int] = []

    def body(ctx: TaskExecutionContext) -> None:
        for n in ctx.track(n * n for n in range(5)):
            if n == 4 and ctx.attempt == 1:
                raise OSError
            seen.append(n)

    single(body, store, max_retries=1).execute()
    assert seen == [0, 1, 4, 9, 16]


def nested(ran: list[str]) -> Workflow:
    def name(*parts: object) -> str:
        return "".join(map(str, parts))

    def body(ctx: TaskExecutionContext) -> list[str]:
        channel = ctx.get_channel()
        for outer in ctx.track("ab"):
            channel.append("log", f"{outer}(")
            for inner in ctx.track((1, 2)):
                ran.append(f"{outer}{inner}")
                channel.append("log", ctx.step(name, outer, inner))
            channel.append("log", ")")
        for last in ctx.track("yz"):
            ran.append(last)
            channel.append("log", ctx.step(name, last))
        return list(ctx.get("log"))

    return single(body)


def test_loops_in_loops_and_after_each_other_keep_their_places(store: Store, clock: FakeClock) -> None:
    """Cut off anywhere: no finished item runs again, and every write is published exactly once."""
    ran: list[str] = []
    wf = nested(ran)
    run = wf.start(run_id="r", store=store)
    expected = ["a(", "a1", "a2", ")", "b(", "b1", "b2", ")", "y", "z"]
    whole = ["a1", "a2", "b1", "b2", "y", "z"]
    assert run.result() == expected
    assert ran == whole
    for seq, part in cuts(run):
        events = [event for event in run.events() if event.seq <= seq]
        ended = any(event.type == "TaskSucceeded" for event in events)
        finished = sum(event.type == "CursorMoved" and event.fields["mark"] != "0" for event in events)
        ran.clear()
        again = wf.start(run_id="r", store=part)
        assert again.result() == expected, seq
        assert ran == ([] if ended else whole[finished:]), seq
        assert _written(again) == expected, seq
        assert facts(load(part, "r", use_checkpoints=False)) == facts(again.load_state())


def _written(run: Any) -> list[Any]:
    view = run.view()
    return [view.load(event.seq) for event in run.events() if event.type == "ChannelWritten"]


def test_a_coroutine_tracks_its_items_too(store: Store) -> None:
    """With ``async for``; a loop in a loop as well."""
    ran: list[str] = []

    async def body(ctx: TaskExecutionContext) -> None:
        async for outer in ctx.track("ab"):
            async for inner in ctx.track((1, 2)):
                if (outer, inner, ctx.attempt) == ("b", 1, 1):
                    raise OSError
                ran.append(await ctx.step(str, f"{outer}{inner}"))

    run = single(body, store, max_retries=1).start()
    run.result()
    assert ran == ["a1", "a2", "b1", "b2"]
    assert statuses(run) == {"body": "succeeded"}


def test_steps_and_loops_are_kept_by_sqlite_too(sqlite_store: Store) -> None:
    """A failed run is resumed from the file: nothing that was recorded is done again."""
    ran: Counter[str] = Counter()
    broken = [True]

    def call(n: int) -> int:
        ran[f"step{n}"] += 1
        return n

    def body(ctx: TaskExecutionContext) -> int:
        for n in ctx.track(range(4), key=str):
            ran[f"item{n}"] += 1
            ctx.get_channel().append("seen", ctx.step(call, n))
            ctx.checkpoint(n)
            if n == 2 and broken:
                raise OSError
        return len(ctx.get("seen")) + int(ctx.checkpoint_state)

    wf = single(body, sqlite_store)
    with pytest.raises(TaskFailed):
        wf.execute(run_id="r")
    broken.clear()
    assert wf.resume("r") == 6
    assert ran == {f"step{n}": 1 for n in range(4)} | {"item0": 1, "item1": 1, "item2": 2, "item3": 1}


def items(ctx: TaskExecutionContext) -> Iterator[int]:
    """A generator that is itself a durable call's consumer."""
    yield from ctx.track(range(3))


def test_a_loop_may_be_handed_through_a_generator(store: Store) -> None:
    """``yield from`` and partial reading do not confuse the numbers."""

    def body(ctx: TaskExecutionContext) -> list[int]:
        found = [ctx.step(int, n) for n in items(ctx)]
        if ctx.attempt == 1:
            raise OSError
        return found

    assert single(body, store, max_retries=1).execute() == []
