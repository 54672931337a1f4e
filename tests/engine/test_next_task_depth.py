"""However deep or wide a run grows: its time stays even, and ids stay short."""

from __future__ import annotations

import time

import pytest

from durable import Store, TaskExecutionContext, parallel, task, workflow
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.scheduling import RAN, work
from tests.engine.single import single


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@task
def deeper(context: TaskExecutionContext, n: int) -> int:
    """Schedules itself, one less deep."""
    if n:
        context.next_task(deeper(n=n - 1))
    return n


def test_deep_recursion_stays_fast_and_ids_stay_short(store: Store) -> None:
    """2,000 deep: the last hundred cost about as much as the first, and no id is longer than 500 characters."""
    with workflow("w", store=store) as wf:
        wf.add(deeper(n=2_000))
    begun = time.perf_counter()
    run = wf.start(run_id="r")
    took = time.perf_counter() - begun
    assert run.result() == 0
    ids = run.load_state().graph.index
    assert len(ids) == len(set(ids)) == 2_001
    assert max(map(len, ids)) <= 500
    assert took < 20
    begun = time.perf_counter()
    assert facts(load(store, "r", use_checkpoints=False)) == facts(run.load_state())
    assert time.perf_counter() - begun < 10


def test_long_ids_stay_below_the_limit(store: Store) -> None:
    """Also of tasks whose own id is as long as it may be."""
    long = work(task_id="x" * 500, n=1)

    @task
    def body(context: TaskExecutionContext) -> None:
        context.next_task(long)
        context.next_task(long)

    with workflow("w", store=store) as wf:
        wf.add(body(task_id="y" * 500))
    run = wf.start()
    ids = run.load_state().graph.index
    assert len(set(ids)) == 3
    assert max(map(len, ids)) <= 500


def test_many_tasks_scheduled_by_one_attempt(store: Store) -> None:
    """A group of 3,000 and 1,000 single tasks, in about the time that they take as a static group."""

    def body(context: TaskExecutionContext) -> None:
        context.next_task(parallel([work(task_id=f"w{n}", n=n) for n in range(3_000)], name="g"))
        for n in range(1_000):
            context.next_task(work(n=n))

    begun = time.perf_counter()
    run = single(body, store).start()
    assert len(run.results) == 4_001
    assert time.perf_counter() - begun < 20
