"""Workflows whose bodies wait for time, signals and people, for the crash tests."""

from __future__ import annotations

import time
from typing import Any

from durable import (
    CoordinationBackend,
    RetryPolicy,
    SignalTimedOut,
    Task,
    TaskExecutionContext,
    parallel,
    task,
    workflow,
)


@task
def begin(n: int = 1) -> int:
    return n + 1


@task
def end(begin: int = 0) -> tuple[int, str]:
    return begin, "ended"


def works(n: int = 0) -> dict[str, int]:
    time.sleep(0.001 * (n % 3))
    return {"n": n}


def double(n: int) -> int:
    time.sleep(0.001 * (n % 3))
    return 2 * n


# Waits.


@task
def sleeps(context: TaskExecutionContext) -> str:
    context.get_channel().append("slept", "before")
    context.sleep(0.02)
    context.step(double, 1)
    context.sleep(0.01)
    context.get_channel().append("slept", "after")
    return "awake"


with workflow("sleep") as sleep:
    begin >> sleeps >> parallel(sleeps(task_id="z1"), sleeps(task_id="z2"), name="group") >> end


@task
def first_signal(context: TaskExecutionContext) -> Any:
    return [context.wait_for_signal("first"), context.wait_for_signal("both")]


@task
def second_signal(context: TaskExecutionContext, first_signal: Any) -> Any:
    context.step(double, 3)
    return [*first_signal, context.wait_for_signal("both"), context.wait_for_signal("last")]


with workflow("signals") as signals:
    begin >> first_signal >> second_signal


@task(retry=RetryPolicy(max_attempts=2, initial_interval=0.001))
def frugal(context: TaskExecutionContext) -> Any:
    """It may be interrupted once; being suspended does not count."""
    return [context.wait_for_signal("go") for _ in range(3)]


with workflow("frugal") as frugal_flow:
    begin >> frugal


@task
def gives_up(context: TaskExecutionContext) -> str:
    try:
        context.wait_for_signal("never", timeout=0.02)
    except SignalTimedOut:
        return "nobody came"
    return "somebody came"


with workflow("signal_times_out") as signal_times_out:
    begin >> gives_up >> end


# Questions.


@task
def prepare(context: TaskExecutionContext) -> str:
    context.get_channel().append("done", "prepare")
    return "prepared"


@task
def approval(context: TaskExecutionContext, of: str) -> bool:
    answer = context.request_feedback(f"Deploy {of}?", request_id=f"deploy-{of}", channel_key=f"approved-{of}")
    if not answer.approved:
        raise ValueError(f"{of} was rejected")
    return bool(answer.approved)


@task
def deploy(context: TaskExecutionContext) -> list[Any]:
    return [sorted(context.get_result("approvals")), context.get("approved-app"), context.get("approved-site")]


with workflow("approvals") as approvals:
    asked = parallel(
        approval(task_id="app", of="app"), approval(task_id="site", of="site"), Task(works, "other")(n=1),
        name="approvals",
    )  # fmt: skip
    prepare >> asked >> deploy


@task
def asks_in_turn(context: TaskExecutionContext) -> list[Any]:
    colour = context.request_feedback("Which?", feedback_type="selection", options=["red", "blue"], request_id="colour")
    text = context.request_feedback("Why?", feedback_type="text", request_id="why")
    return [colour.value, text.value, context.step(double, 4)]


with workflow("questions") as questions:
    begin >> asks_in_turn >> end


@task
async def waits_in_a_coroutine(context: TaskExecutionContext, name: str) -> Any:
    await context.sleep(0.01)
    got = await context.wait_for_signal(name)
    answer = await context.request_feedback("Good?", request_id=f"good-{name}")
    return [got, answer.approved, await context.step(double, 2)]


with workflow("async_waits") as async_waits:
    both = [waits_in_a_coroutine(task_id=name, name=name) for name in ("x", "y")]
    begin >> parallel(*both, name="group").with_execution(backend=CoordinationBackend.ASYNCIO) >> end


@task
def round_with_waits(context: TaskExecutionContext, data: Any = 0) -> Any:
    got = context.wait_for_signal("go")
    context.sleep(0.01)
    context.get_channel().append("rounds", [data, got, context.step(double, data)])
    if data < 2:
        context.next_iteration(data + 1)
    return context.get("rounds")


with workflow("loop_that_waits") as loop_that_waits:
    begin >> round_with_waits >> end
