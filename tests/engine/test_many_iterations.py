"""A hundred thousand iterations cost the same from first to last, in time and in memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from durable import Event, Run, Store, TaskExecutionContext, Workflow, task, workflow
from durable.core.state import RunState


class Watch:
    """Takes the time and the size of a run's state every 10,000 iterations."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.states: list[int] = []

    def __call__(self, state: RunState, events: list[Event]) -> None:
        if any(event.type == "TaskIterated" and event.fields["iteration"] % 10_000 == 0 for event in events):
            self.times.append(time.perf_counter())
            sparse = (state.iterations, state.marks, state.spent, state.carried, state.deadlines, state.driven)
            self.states.append(sum(map(len, sparse)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_thousand_iterations_cost_the_same_from_first_to_last(store: Store) -> None:
    """Time per iteration does not grow, and what the engine keeps of them does not either."""

    @task
    def body(context: TaskExecutionContext, n: int = 1) -> int:
        if n < 100_000:
            context.next_iteration(n + 1)
        return n

    watch = Watch()
    with workflow("w", store=store) as wf:
        wf.add(body)
    tracemalloc.start()
    try:
        begun = time.perf_counter()
        run = _watched(wf, store, watch)
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    assert run.result() == 100_000
    marks = [begun, *watch.times]
    took = [later - earlier for earlier, later in pairwise(marks)]
    assert len(took) >= 9
    assert min(took[-2:]) < 3 * max(took[:2]), took
    assert set(watch.states) == {1}
    kept = snapshot.filter_traces(
        [tracemalloc.Filter(True, "*/durable/core/*"), tracemalloc.Filter(True, "*/durable/engine/*")]
    )
    by_file = {stat.traceback[0].filename: stat.size for stat in kept.statistics("filename")}
    events = sum(size for name, size in by_file.items() if name.endswith(("engine/journal.py", "core/events.py")))
    assert sum(by_file.values()) - events < 64 * 1024 * 1024, by_file


def _watched(wf: Workflow, store: Store, watch: Callable[..., Any]) -> Run:
    from durable.runs.start import start_run

    return start_run(wf, store=store, start=None, observers=[watch])
