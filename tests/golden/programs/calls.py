"""Durable calls: steps, tracked loops and saved states, cut off in their middle by a kill or an error."""

from __future__ import annotations

import os
import signal
from typing import Any

from durable import RetryPolicy, TaskExecutionContext, Workflow, task, workflow

ABOUT = (
    "Durable calls, cut off in the middle: steps, tracked loops with and without keys, saved states, a coroutine body"
)
bodies: list[str] = []
mended = False


def charge(card: str, amount: int) -> dict[str, Any]:
    bodies.append(f"charge {card}")
    return {"card": card, "amount": amount}


def pair(number: int) -> tuple[int, int]:
    bodies.append(f"pair {number}")
    return number, -number


def nothing() -> None:
    bodies.append("nothing")


def flaky() -> str:
    bodies.append("flaky")
    if bodies.count("flaky") == 1:
        raise ConnectionError("once")
    return "answered"


def stop(how: str) -> None:
    if mended:
        return
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise OSError("disk full")


@task
def order(ctx: TaskExecutionContext, card: str, how: str) -> list[Any]:
    bodies.append("order")
    receipt = ctx.step(charge, card, amount=30)
    both = ctx.step(pair, 4)
    ctx.step(nothing)
    flaked = ctx.step(flaky, retry=RetryPolicy(max_attempts=3, initial_interval=1))
    ctx.set("late", "only with the success")
    stop(how)
    return [receipt, both, flaked, ctx.step(pair, 5)]


with workflow("steps") as steps:
    steps.add(order)


@task
def rows(ctx: TaskExecutionContext, how: str) -> int:
    bodies.append("rows")
    for row in ctx.track([{"id": f"r{n}", "n": n} for n in range(5)], key=lambda row: row["id"]):
        bodies.append(row["id"])
        ctx.get_channel().atomic_add("sum", row["n"])
        ctx.get_channel().append("pairs", (row["n"], "x"))
        if row["n"] == 1:
            ctx.next_task(extra(number=row["n"]))
        ctx.step(charge, row["id"], row["n"])
        if row["n"] == 3:
            stop(how)
    for number in ctx.track(range(2)):
        bodies.append(f"second {number}")
    return ctx.get("sum")


@task
def extra(number: int) -> str:
    bodies.append("extra")
    return f"extra {number}"


with workflow("loop") as loop:
    loop.add(rows)


@task
def train(ctx: TaskExecutionContext, how: str) -> Any:
    bodies.append("train")
    state = ctx.checkpoint_state or {"epoch": 0, "weights": (0.5, 0.25)}
    while state["epoch"] < 6:
        state["epoch"] += 1
        bodies.append(f"epoch {state['epoch']}")
        ctx.checkpoint(state)
        if state["epoch"] == 4:
            stop(how)
    return state


with workflow("training") as training:
    training.add(train)


@task
async def awaited(ctx: TaskExecutionContext, how: str) -> list[Any]:
    bodies.append("awaited")
    found = [await ctx.step(charge, "async", 1)]
    async for item in ctx.track("ab"):
        bodies.append(item)
        found.append(await ctx.step(pair, ord(item)))
        if item == "b":
            stop(how)
    await ctx.sleep(5)
    return found


with workflow("coroutine") as coroutine:
    coroutine.add(awaited)


def _start(flow: Workflow, run_id: str, how: str, **initial: Any) -> Any:
    return lambda store: flow.start(run_id=run_id, store=store, initial={"how": how, **initial})


RUNS = {
    "steps-killed": _start(steps, "steps-killed", "kill", card="4711"),
    "steps-failed": _start(steps, "steps-failed", "fail", card="4711"),
    "loop-killed": _start(loop, "loop-killed", "kill"),
    "loop-failed": _start(loop, "loop-failed", "fail"),
    "training-killed": _start(training, "training-killed", "kill"),
    "training-failed": _start(training, "training-failed", "fail"),
    "coroutine-killed": _start(coroutine, "coroutine-killed", "kill"),
}
SENDS: dict[str, list[tuple[object, ...]]] = {}
