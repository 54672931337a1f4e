"""``context.checkpoint``: the newest saved state is there for the next attempt; a task that gets on is no poison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durable import PoisonTask, Store, TaskExecutionContext, TaskFailed, task, workflow
from tests.conftest import Died
from tests.engine.reading import count
from tests.engine.single import single

Process = Callable[..., Any]


def test_the_newest_saved_state_is_there_for_the_next_attempt(store: Store) -> None:
    """A fresh copy each time; None in the first attempt and in another task."""
    seen: list[Any] = []

    def body(ctx: TaskExecutionContext) -> None:
        seen.append(ctx.checkpoint_state)
        if ctx.attempt < 3:
            ctx.checkpoint({"at": 0})
            ctx.checkpoint({"at": ctx.attempt})
            raise OSError

    def after(ctx: TaskExecutionContext) -> None:
        seen.append(ctx.checkpoint_state)

    with workflow("w", store=store) as wf:
        task(max_retries=5)(body) >> task(after)
    run = wf.start()
    run.result()
    assert seen == [None, {"at": 1}, {"at": 2}, None]
    assert count(run, "TaskCheckpointed") == 4


def test_a_saved_state_survives_the_process(process: Process) -> None:
    """It is durable when ``checkpoint`` returns."""

    def body(ctx: TaskExecutionContext) -> str:
        if ctx.checkpoint_state is None:
            ctx.checkpoint(["half"])
            raise Died
        return str(ctx.checkpoint_state)

    killed = process()
    wf = single(body)
    with pytest.raises(Died):
        _killed_in(killed, lambda: wf.start(run_id="r", store=killed))
    assert wf.execute(run_id="r", store=process()) == "['half']"


def _killed_in(store: Any, drive: Callable[[], Any]) -> None:
    """Drive, and let the process be gone once ``Died`` is recorded as what it is: nothing."""
    original = store.append

    def append(run_id: str, events: Any, *args: Any, **options: Any) -> int:
        if any(event.type in ("TaskFailed", "TaskRetryScheduled") for event in events):
            store.die()
        return int(original(run_id, events, *args, **options))

    store.append = append
    drive()


@pytest.mark.parametrize("progress", [True, False])
def test_a_task_that_gets_on_is_not_poison_however_often_its_process_dies(process: Process, progress: bool) -> None:
    """Killed 30 times with a step between, it goes on; without progress 25 times are enough."""
    calls = [0]

    def number() -> int:
        return 1

    def body(ctx: TaskExecutionContext) -> str:
        for _ in range(ctx.attempt if progress else 0):
            ctx.step(number)
        calls[0] += 1
        if calls[0] <= 30:
            raise Died
        return "through"

    wf = single(body)
    for _ in range(40):
        store = process()
        try:
            _killed_in(store, lambda store=store: wf.start(run_id="r", store=store))  # type: ignore[misc]
        except Died:
            continue
        break
    run = wf.start(run_id="r", store=process())
    if progress:
        assert run.result() == "through"
        assert calls[0] == 31
    else:
        with pytest.raises(TaskFailed, match="used up its 25 attempts") as caught:
            run.result()
        assert caught.value.error is not None
        assert caught.value.error.type.endswith(PoisonTask.__name__)
        assert calls[0] == 25
