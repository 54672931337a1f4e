"""A coroutine body that waits and works at once is unwound only when all of it waits."""

from __future__ import annotations

import asyncio

import pytest

from durable import TaskExecutionContext, open_store, task, workflow
from durable.context import durable_calls as calls


@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_a_step_beside_a_wait_is_done_once(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A step that outlasts the wait's patience is not cut off, and not begun again after the signal."""
    monkeypatch.setattr(calls, "LIVE_WAIT", 0.1)
    begun: list[str] = []

    async def slow() -> str:
        begun.append("slow")
        await asyncio.sleep(seconds)
        return "done"

    @task
    async def both(ctx: TaskExecutionContext) -> list[object]:
        return list(await asyncio.gather(ctx.wait_for_signal("go"), ctx.step(slow)))

    with workflow("w", store=open_store("memory://")) as wf:
        wf.add(both)
    run = wf.start(run_id="r")
    assert run.status == "suspended"
    assert begun == ["slow"]
    run.signal("go", 1)
    assert run.resume().result() == [1, "done"]
    assert begun == ["slow"]
    assert [event.type for event in run.events()].count("StepSucceeded") == 1


@pytest.mark.parametrize("given", [{"folder": "in"}, {"folder": "in", "data": 0}])
def test_an_iteration_s_data_does_not_overwrite_an_input(given: dict[str, object]) -> None:
    """It goes to a parameter that the input does not give; where the input gives all, the task must say which."""

    @task
    def loop(ctx: TaskExecutionContext, folder: str, data: int = 0) -> tuple[str, int]:
        if data < 2:
            ctx.next_iteration(data + 1)
        return folder, data

    with workflow("w", store=open_store("memory://")) as wf:
        wf.add(loop)
    run = wf.start(initial=given)
    if "data" in given:
        assert run.status == "failed"
    else:
        assert run.result() == ("in", 2)
