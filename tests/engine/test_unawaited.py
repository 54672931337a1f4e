"""A coroutine body cannot lose a durable call by forgetting to await it."""

from __future__ import annotations

import pytest

from durable import TaskExecutionContext, TaskFailed, open_run, open_store, task, workflow


def test_a_durable_call_that_was_not_awaited_fails_its_attempt() -> None:
    """It was not made; the error names it instead of letting the run succeed without it."""

    @task
    async def pays(ctx: TaskExecutionContext) -> int:
        ctx.step(print, "PAY")
        ctx.checkpoint({"paid": True})
        return await ctx.step(int, "5")  # type: ignore[no-any-return]

    with workflow("w", store=open_store("memory://")) as wf:
        wf.add(pays)
    with pytest.raises(TaskFailed, match=r"without awaiting 2 of its durable calls \(step, record\)"):
        wf.execute()


def test_a_plain_loop_over_tracked_items_in_a_coroutine_is_refused() -> None:
    """It would hold up the event loop."""

    @task
    async def loops(ctx: TaskExecutionContext) -> int:
        return sum(ctx.track(range(3)))

    with workflow("w", store=open_store("memory://")) as wf:
        wf.add(loops)
    with pytest.raises(TaskFailed, match="async for item in"):
        wf.execute()


def test_what_a_handle_gives_keeps_its_store_open(tmp_path: object) -> None:
    """Events, values and forks of a handle that nobody holds can be read."""

    @task
    def one() -> int:
        return 1

    url = f"sqlite:///{tmp_path}/runs.db"
    with workflow("w", store=url) as wf:
        one(task_id="a") | one(task_id="b")
    wf.execute(run_id="r")
    assert len(list(open_run("r", store=url).events())) > 3
    assert open_run("r", store=url).task_results("a|b")["a"].value == 1
    assert open_run("r", store=url).fork(from_task="a").status == "interrupted"
    fork = open_run("r", store=url).fork(from_task="a")
    assert list(fork.events())
    fork.close()
