"""Bodies of a map's members: context, channel, durable calls, and what they schedule are each member's own."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from durable import Store, TaskExecutionContext, task, workflow
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.mapping import BROKEN, RAN, single_map, square


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


def test_no_write_of_a_thousand_members_is_lost(store: Store) -> None:
    """Additions to one key of the channel add up."""

    @task
    def adds(context: TaskExecutionContext, n: int) -> None:
        context.get_channel().atomic_add("sum", n)

    @task
    def tells(sum: int) -> int:
        return sum

    with workflow("w", store=store) as wf:
        adds.map(range(1000)).with_execution(max_concurrent=16) >> tells
    assert wf.execute() == sum(range(1000))


def test_members_know_who_they_are(store: Store) -> None:
    """Id, attempt and idempotency key are the member's own."""

    @task(max_retries=1)
    def knows(context: TaskExecutionContext, name: str) -> list[Any]:
        if context.attempt == 1:
            raise OSError
        return [context.task_id, context.attempt, context.idempotency_key]

    with workflow("w", store=store) as wf:
        knows.map(["a", "b"], key=str, name="m")
    run = wf.start(run_id="r")
    assert run.result() == {name: [f"m/{name}", 2, f"r/m/{name}"] for name in "ab"}


def test_members_make_durable_calls(store: Store) -> None:
    """Steps are kept for the next attempt, sleeps and signals are waited for."""
    calls: Counter[int] = Counter()

    @task(max_retries=1)
    def works(context: TaskExecutionContext, n: int) -> list[Any]:
        def once(n: int) -> int:
            calls[n] += 1
            return n + 1

        found = context.step(once, n)
        context.sleep(n * 3600)
        if context.attempt == 1:
            raise OSError
        return [found, context.wait_for_signal(f"go {n}")]

    wf = single_map(works, range(20), store, max_concurrent=3)
    run = wf.start(run_id="r")
    for n in range(20):
        run.signal(f"go {n}", n)
    while run.status == "suspended":
        due = run.info.due
        if due is not None:
            store.clock.advance(max(due - store.clock.now(), 0) / 1e6)  # type: ignore[attr-defined]
        run = wf.start(run_id="r")
    assert run.result() == {str(n): [n + 1, n] for n in range(20)}
    assert calls == dict.fromkeys(range(20), 1)


def test_members_may_schedule_tasks(store: Store) -> None:
    """Each under its own id; what follows the map does not wait for them."""

    @task
    def schedules(context: TaskExecutionContext, n: int) -> int:
        context.next_task(square(n=n))
        return n

    run = single_map(schedules, range(40), store).start()
    run.result()
    assert {name: value for name, value in run.results.items() if name != "schedules"} == {
        f"schedules/{n}/square": n * n for n in range(40)
    }


def test_members_may_go_round(store: Store) -> None:
    """The next iteration gets other data in place of the item; then the item stands again in the next member."""

    @task(max_cycles=5)
    def halves(context: TaskExecutionContext, n: int) -> list[int]:
        if n > 1:
            context.next_iteration(n // 2)
        return [n, context.iteration]

    run = single_map(halves, [8, 1, 3], store).start()
    assert run.result() == {"0": [1, 4], "1": [1, 1], "2": [1, 2]}


def test_a_member_that_goes_somewhere_else(store: Store) -> None:
    """A task that has not started follows it; what follows the map is not skipped by it."""

    @task
    def jumps(context: TaskExecutionContext, n: int) -> int:
        if n == 30:
            context.next_task(wf.far, goto=True)  # type: ignore[attr-defined]
        return n

    @task
    def far() -> str:
        RAN["far"] += 1
        return "far"

    @task
    def after(jumps: Any) -> int:
        return len(jumps)

    with workflow("w", store=store) as wf:
        jumps.map(range(100)) >> after >> far
    wf.far = far  # type: ignore[attr-defined]
    run = wf.start()
    assert run.result() == "far"
    assert run.results["after"] == 100
    assert RAN == {"far": 1}
    assert facts(load(store, run.run_id, use_checkpoints=False)) == facts(run.load_state())
