"""Tracked loops that are left early, by ``break`` or an error: calls after the loop keep their numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from durable import Store, TaskExecutionContext
from tests.engine.reading import fields
from tests.engine.single import single


def test_a_loop_that_is_left_early_may_be_left_early_again(store: Store) -> None:
    """``break`` leaves the item unfinished; calls after the loop keep their numbers."""
    ran: Counter[str] = Counter()

    def after() -> str:
        ran["after"] += 1
        return "after"

    def body(ctx: TaskExecutionContext) -> Any:
        for n in ctx.track(range(5)):
            ran[f"item{n}"] += 1
            if n == 2:
                break
        found = ctx.step(after)
        if ctx.attempt == 1:
            raise OSError
        return found

    run = single(body, store, max_retries=1).start()
    assert run.result() == "after"
    assert ran == {"item0": 1, "item1": 1, "item2": 2, "after": 1}
    assert fields(run, "StepSucceeded")["mark"] == "1"


def test_an_iteration_that_raises_is_left_and_its_successors_calls_keep_their_numbers(store: Store) -> None:
    """The body may catch it outside of the loop and go on."""

    def after() -> str:
        return "after"

    def body(ctx: TaskExecutionContext) -> Any:
        try:
            for n in ctx.track(range(3)):
                if n == 1:
                    raise KeyError
        except KeyError:
            pass
        found = ctx.step(after)
        if ctx.attempt == 1:
            raise OSError
        return found

    run = single(body, store, max_retries=1).start()
    assert run.result() == "after"
    assert fields(run, "StepSucceeded")["mark"] == "1"


def test_a_coroutine_may_leave_a_loop_early(store: Store) -> None:
    """What it calls after the loop is found again by the next attempt."""
    ran: Counter[str] = Counter()

    def call(name: str) -> str:
        ran[name] += 1
        return name

    async def body(ctx: TaskExecutionContext) -> list[str]:
        found = []
        async for n in ctx.track(range(5)):
            found.append(await ctx.step(call, f"item{n}"))
            if n == 1:
                break
        found.append(await ctx.step(call, "after"))
        async for n in ctx.track("xy"):
            found.append(await ctx.step(call, n))
        if ctx.attempt < 3:
            raise OSError
        return found

    assert single(body, store, max_retries=4).execute() == ["item1", "after"]
    assert ran == {"item0": 1, "item1": 1, "after": 1, "x": 1, "y": 1}
