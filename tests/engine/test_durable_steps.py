"""``context.step``: called once, its value is recorded, and later attempts get that value."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from durable import (
    DefinitionError,
    DivergenceError,
    PayloadError,
    RetryPolicy,
    Store,
    TaskExecutionContext,
    TaskFailed,
    task,
    workflow,
)
from durable.testing import FakeClock
from tests.engine.reading import count, fields
from tests.engine.single import single


def test_a_step_is_recorded_once_and_later_attempts_get_its_value(store: Store) -> None:
    """Three attempts, one call of each step; the value is the recorded one, decoded anew."""
    ran: Counter[str] = Counter()

    def first() -> list[int]:
        ran["first"] += 1
        return [1]

    def second(n: int, *, by: int) -> int:
        ran["second"] += 1
        return n * by

    def body(ctx: TaskExecutionContext) -> int:
        found = ctx.step(first)
        found.append(ctx.attempt)
        value = ctx.step(second, len(found), by=10)
        if ctx.attempt < 3:
            raise OSError
        assert found == [1, 3]
        return int(value)

    run = single(body, store, max_retries=5).start()
    assert run.result() == 20
    assert ran == {"first": 1, "second": 1}
    assert count(run, "StepSucceeded") == 2
    assert fields(run, "StepSucceeded") == {"mark": "1", "name": "second"}


def test_a_step_survives_a_run_that_failed_and_was_resumed(store: Store) -> None:
    """Reopening a task gives it a new budget and keeps what its steps recorded."""
    ran: Counter[str] = Counter()
    broken = [True]

    def pay() -> str:
        ran["pay"] += 1
        return "paid"

    def body(ctx: TaskExecutionContext) -> str:
        found = ctx.step(pay)
        if broken:
            raise OSError
        return str(found)

    wf = single(body, store)
    with pytest.raises(TaskFailed):
        wf.execute(run_id="r")
    broken.clear()
    assert wf.resume("r") == "paid"
    assert ran == {"pay": 1}


def test_steps_in_another_order_are_a_divergence_that_is_not_retried(store: Store) -> None:
    """The error names the call and both steps; another attempt would only run into it again."""

    def one() -> int:
        return 1

    def two() -> int:
        return 2

    def body(ctx: TaskExecutionContext) -> None:
        ctx.step(one if ctx.attempt == 1 else two)
        raise OSError

    run = single(body, store, max_retries=9).start()
    with pytest.raises(TaskFailed, match="'step one' in an earlier attempt and is 'step two' now") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, DivergenceError)
    assert caught.value.__cause__.changes == ["0: step one -> step two"]
    assert count(run, "TaskStarted") == 2


def test_another_kind_of_call_is_a_divergence_too(store: Store) -> None:
    """A sleep where a step was."""

    def one() -> int:
        return 1

    def body(ctx: TaskExecutionContext) -> None:
        if ctx.attempt == 1:
            ctx.step(one)
            raise OSError
        ctx.sleep(1)

    with pytest.raises(TaskFailed, match="was 'step one' in an earlier attempt and is 'sleep' now"):
        single(body, store, max_retries=9).execute()


def test_a_step_is_called_again_within_the_attempt_as_its_retry_says(store: Store, clock: FakeClock) -> None:
    """Pauses grow as configured, the attempt stays the same, and only the value is recorded."""
    at: list[float] = []

    def flaky() -> str:
        at.append(clock.monotonic())
        if len(at) < 3:
            raise OSError
        return "done"

    def body(ctx: TaskExecutionContext) -> str:
        return str(ctx.step(flaky, retry=RetryPolicy(max_attempts=3, initial_interval=10, backoff_factor=2, jitter=0)))

    run = single(body, store).start()
    assert run.result() == "done"
    assert at == [0, 10, 30]
    assert (count(run, "TaskStarted"), count(run, "StepSucceeded")) == (1, 1)


def test_what_a_step_raises_last_is_the_bodys_to_handle(store: Store) -> None:
    """Nothing is recorded of it, so that the next attempt calls it again."""
    ran: list[int] = []

    def always() -> None:
        ran.append(1)
        raise KeyError("x")

    def body(ctx: TaskExecutionContext) -> str:
        with pytest.raises(KeyError):
            ctx.step(always, retry=RetryPolicy(max_attempts=2, initial_interval=0))
        if ctx.attempt == 1:
            raise OSError
        return "handled"

    run = single(body, store, max_retries=1).start()
    assert run.result() == "handled"
    assert (len(ran), count(run, "StepSucceeded")) == (4, 0)


def test_a_value_that_cannot_be_recorded_is_refused_where_the_step_is(store: Store) -> None:
    """The body sees PayloadError, and nothing is recorded."""

    def opens() -> Any:
        return (item for item in ())

    def body(ctx: TaskExecutionContext) -> str:
        with pytest.raises(PayloadError):
            ctx.step(opens)
        return "seen"

    run = single(body, store).start()
    assert run.result() == "seen"
    assert count(run, "StepSucceeded") == 0


@task
def work(n: int) -> int:
    return n


INSIDE: dict[str, Callable[[TaskExecutionContext], Any]] = {
    "a step": lambda ctx: ctx.step(int),
    "a sleep": lambda ctx: ctx.sleep(1),
    "a signal": lambda ctx: ctx.wait_for_signal("s"),
    "a loop": lambda ctx: list(ctx.track([1])),
    "next_task": lambda ctx: ctx.next_task(work(n=1)),
    "next_iteration": lambda ctx: ctx.next_iteration(1),
    "terminate_workflow": lambda ctx: ctx.terminate_workflow(),
    "cancel_workflow": lambda ctx: ctx.cancel_workflow(),
    "a checkpoint": lambda ctx: ctx.checkpoint(1),
    "a channel write": lambda ctx: ctx.set("k", 1),
    "a metadata write": lambda ctx: ctx.metadata.update(k=1),
    "a metadata removal": lambda ctx: ctx.metadata.pop("there"),
}


@pytest.mark.parametrize("what", INSIDE)
def test_what_would_be_lost_when_a_step_is_replayed_is_refused_inside_of_it(store: Store, what: str) -> None:
    """Durable calls, staged writes and what happens after the attempt: DefinitionError, and nothing is recorded."""

    def before(ctx: TaskExecutionContext) -> None:
        ctx.metadata["there"] = 1

    def body(ctx: TaskExecutionContext) -> str:
        def inner() -> None:
            INSIDE[what](ctx)

        with pytest.raises(DefinitionError, match="inside of a step"):
            ctx.step(inner)
        return "refused"

    with workflow("w", store=store) as wf:
        task(before) >> task(body)
    run = wf.start()
    assert run.result() == "refused"
    assert count(run, "ChannelWritten") == 0
    assert count(run, "MetadataWritten") == 1


def test_a_coroutine_awaits_its_steps_and_they_are_replayed(store: Store) -> None:
    """Plain and coroutine functions alike."""
    ran: Counter[str] = Counter()

    def plain() -> int:
        ran["plain"] += 1
        return 1

    async def later() -> int:
        ran["later"] += 1
        await asyncio.sleep(0)
        return 2

    async def body(ctx: TaskExecutionContext) -> list[int]:
        found = [await ctx.step(plain), await ctx.step(later)]
        if ctx.attempt == 1:
            raise OSError
        return found

    assert single(body, store, max_retries=1).execute() == [1, 2]
    assert ran == {"plain": 1, "later": 1}
