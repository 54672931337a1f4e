"""Scopes: how a body's durable calls are numbered, and how an attempt finds what earlier ones recorded."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from durable import DefinitionError, DivergenceError, TaskExecutionContext, TaskFailed, open_store, task, workflow
from durable.context.call_numbering import InStep, Numbering
from durable.core.durable_calls import LOOP, STEP, TIMER, Mark, Marks, put


def numbering(**recorded: Mark) -> Numbering:
    """A numbering with marks at ``_0``, ``_0_1`` and so on."""
    marks: Marks = {}
    for name, mark in recorded.items():
        put(marks, name[1:].replace("_", "/"), mark)
    return Numbering("r", "t", marks)


def test_calls_are_numbered_from_0_in_the_order_in_which_they_are_made() -> None:
    """Whatever they are; nothing is recorded of the first attempt."""
    calls = numbering()
    assert [calls.next(kind, None) for kind in (STEP, TIMER, STEP)] == [("0", None), ("1", None), ("2", None)]


def test_a_recorded_call_is_found_again() -> None:
    """The calls after the last recorded one are new."""
    first, second = Mark(STEP, "f", 3), Mark(TIMER, "", 5)
    calls = numbering(_0=first, _1=second)
    assert calls.next(STEP, "f") == ("0", first)
    assert calls.next(TIMER, None) == ("1", second)
    assert calls.next(STEP, "f") == ("2", None)


@pytest.mark.parametrize(("kind", "name"), [(STEP, "g"), (TIMER, None), (LOOP, "f")])
def test_another_call_at_the_same_place_is_a_divergence(kind: str, name: str | None) -> None:
    """With the place, what was there and what is there now."""
    with pytest.raises(DivergenceError, match="durable call 0 of the body was 'step f'") as caught:
        numbering(_0=Mark(STEP, "f", 3)).next(kind, name)
    assert (caught.value.run_id, caught.value.task_id) == ("r", "t")


def test_a_name_that_does_not_tell_the_call_apart_is_not_compared() -> None:
    """A sleep has none."""
    mark = Mark(TIMER, "", 3)
    assert numbering(_0=mark).next(TIMER, None) == ("0", mark)


def test_calls_in_an_iteration_are_numbered_under_their_loop() -> None:
    """And go on outside of it where they were."""
    calls = numbering(_0=Mark(LOOP, "", 9), _0_1=Mark(STEP, "f", 8))
    loop, _ = calls.next(LOOP, None)
    outer = calls.present
    calls.enter(f"{loop}/")
    assert calls.next(STEP, "g") == ("0/0", None)
    assert calls.next(STEP, "f")[1] == Mark(STEP, "f", 8)
    calls.back(outer)
    assert calls.next(STEP, "h") == ("1", None)


def test_a_loop_that_never_moved_counts_as_not_recorded() -> None:
    """Only calls inside of its first item are."""
    calls = numbering(_0_0=Mark(STEP, "f", 3))
    assert calls.next(LOOP, "") == ("0", None)


def test_two_attempts_in_one_context_do_not_mix() -> None:
    """A run inside of a task's body has numbers of its own."""
    outer, inner = numbering(), numbering()
    outer.enter("0/")
    assert inner.next(STEP, "f")[0] == "0"
    assert outer.next(STEP, "f")[0] == "0/0"


def test_nothing_durable_happens_in_a_step() -> None:
    """The call is refused by name, and is not numbered."""
    calls = numbering()
    with InStep():
        with pytest.raises(DefinitionError, match="a sleep inside of a step"):
            calls.next(TIMER, None)
        with pytest.raises(DefinitionError, match="next_task inside of a step"):
            calls.refuse_in_step("next_task")
    assert calls.next(TIMER, None)[0] == "0"


def test_a_step_of_one_coroutine_does_not_concern_another_one() -> None:
    """Both belong to the same body."""
    calls = numbering()
    entered, left = asyncio.Event(), asyncio.Event()

    async def steps() -> None:
        with InStep():
            entered.set()
            await left.wait()

    async def calls_beside() -> None:
        await entered.wait()
        assert calls.next(TIMER, None)[0] == "0"
        left.set()

    async def main() -> None:
        await asyncio.gather(steps(), calls_beside())

    contextvars.copy_context().run(asyncio.run, main())


def test_two_tracked_loops_at_once_are_refused() -> None:
    """What they write could not be told apart; one after the other, or one in the other, they are fine."""

    @task
    async def both(ctx: TaskExecutionContext) -> list[int]:
        async def loop() -> int:
            found = 0
            async for item in ctx.track(range(2)):
                await asyncio.sleep(0)
                found += item
            return found

        assert await loop() == await loop() == 1
        return list(await asyncio.gather(loop(), loop()))

    with workflow("w", store=open_store("memory://")) as wf:
        wf.add(both)
    with pytest.raises(TaskFailed, match="was started while tracked loop"):
        wf.execute()
