"""Retries with back-off, time-outs, deadlines and limits."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from durable import RetryPolicy, Store, TaskExecutionContext, Workflow, parallel, task, workflow

ABOUT = "Retries: back-off between attempts, given up, time-outs of tasks and groups, deadlines, limits, a poison task"
bodies: list[str] = []
mended = False
clock: Any = None
"""The store's clock, which bodies that hang move."""

PATIENT = RetryPolicy(max_attempts=4, initial_interval=60, backoff_factor=10, max_interval=3600)


@task(retry=PATIENT)
def patient(ctx: TaskExecutionContext, needs: int) -> int:
    bodies.append(f"patient {ctx.attempt}")
    if ctx.attempt < needs and not mended:
        raise ConnectionError(f"not yet in attempt {ctx.attempt}")
    return ctx.attempt


@task
def after(patient: int) -> str:
    bodies.append("after")
    return f"after {patient}"


with workflow("patient") as patience:
    patient >> after


@task(retry=RetryPolicy(max_attempts=3, give_up_on=KeyError))
def hopeless() -> None:
    bodies.append("hopeless")
    if not mended:
        raise KeyError("gone for good")


with workflow("hopeless") as no_hope:
    no_hope.add(hopeless)


@task(timeout=10, max_retries=1)
def hangs(ctx: TaskExecutionContext) -> str:
    bodies.append(f"hangs {ctx.attempt}")
    if not mended:
        clock.advance(11)
        while not ctx.cancelled:
            time.sleep(0.001)
    return "in time"


with workflow("hanging") as hanging:
    hanging.add(parallel(hangs, name="pair").with_execution(max_concurrent=1))


@task
def hangs_in_group(ctx: TaskExecutionContext) -> str:
    bodies.append("hangs_in_group")
    if not mended:
        clock.advance(31)
        while not ctx.cancelled:
            time.sleep(0.001)
    return "in time"


@task
def quick() -> str:
    bodies.append("quick")
    return "quick"


with workflow("group-hanging") as group_hanging:
    both = parallel(quick, hangs_in_group, name="both")
    group_hanging.add(
        both.with_execution(timeout=30, max_concurrent=1, policy={"type": "at_least_n", "min_success": 1})
    )


@task(deadline=100, retry=RetryPolicy(max_attempts=20, initial_interval=60))
def late(ctx: TaskExecutionContext) -> str:
    bodies.append(f"late {ctx.attempt}")
    if not mended:
        raise ConnectionError("again")
    return "at last"


with workflow("late") as lateness:
    lateness.add(late)


@task(retry=RetryPolicy(max_attempts=20, initial_interval=60))
def again(ctx: TaskExecutionContext) -> str:
    bodies.append(f"again {ctx.attempt}")
    if not mended:
        raise ConnectionError("again")
    return "at last"


with workflow("run-late") as late_runs:
    late_runs.add(again)


@task(max_retries=5)
def killed_while_waiting(ctx: TaskExecutionContext) -> str:
    bodies.append(f"killed {ctx.attempt}")
    if ctx.attempt == 1 and not mended:
        raise ConnectionError("first")
    if not mended:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"attempt {ctx.attempt}"


with workflow("killed") as killing:
    killing.add(killed_while_waiting)


@task(retry=RetryPolicy(max_attempts=1))
def poison() -> str:
    bodies.append("poison")
    if not mended:
        os.kill(os.getpid(), signal.SIGKILL)
    return "harmless"


with workflow("poison") as poisoned:
    poisoned.add(poison)


@task
def kills() -> str:
    bodies.append("kills")
    if not mended:
        os.kill(os.getpid(), signal.SIGKILL)
    return "killed nobody"


with workflow("killed-waiting") as killed_waiting:
    waits = parallel(patient(needs=2), kills, name="waits").with_execution(max_concurrent=1)
    killed_waiting.add(waits)


def _start(flow: Workflow, run_id: str, **options: Any) -> Any:
    def make(store: Store) -> None:
        global clock
        clock = store.clock
        flow.start(run_id=run_id, store=store, **options)

    return make


RUNS: dict[str, Any] = {
    "third-time": _start(patience, "third-time", initial={"needs": 3}),
    "given-up": _start(patience, "given-up", initial={"needs": 9}),
    "hopeless": _start(no_hope, "hopeless"),
    "hanging": _start(hanging, "hanging"),
    "group-hanging": _start(group_hanging, "group-hanging"),
    "late": _start(lateness, "late"),
    "run-late": _start(late_runs, "run-late", deadline=90),
    "few-steps": _start(patience, "few-steps", initial={"needs": 9}, max_steps=2),
    "killed": _start(killing, "killed"),
    "killed-waiting": _start(killed_waiting, "killed-waiting"),
    "poison": _start(poisoned, "poison"),
}
AGAIN = {"poison": _start(poisoned, "poison")}
"""What is done once more in another process, after the run was made."""
SENDS: dict[str, list[tuple[object, ...]]] = {}
