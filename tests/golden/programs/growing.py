"""Work that is found while the run goes on: scheduled tasks, groups, chains and maps; jumps and iterations."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from durable import (
    AllOf,
    AtLeastNGroupPolicy,
    GroupExecutionPolicy,
    MapValues,
    MaxFailuresPolicy,
    ParallelGroupError,
    RetryPolicy,
    TaskExecutionContext,
    TaskResult,
    Workflow,
    parallel,
    task,
    workflow,
)

ABOUT = "Growth: ctx.next_task with a task, a group, a chain and a map; an own policy; goto; iterations; kills in them"
bodies: list[str] = []
mended = False


@task(retry=RetryPolicy(max_attempts=2, initial_interval=1), timeout=30)
def resize(picture: str, width: int = 7) -> str:
    bodies.append(f"resize {picture} {width}")
    if picture == "deadly" and not mended:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{picture}@{width}"


@task
def total(sizes: dict[str, str]) -> int:
    bodies.append("total")
    return len(sizes)


@task
def longest(links: MapValues) -> int:
    bodies.append("longest")
    return max(len(text) for text in links.values())


class AllAt(GroupExecutionPolicy):
    """An own policy of a scheduled group: it is recorded with the group, by name and with its state."""

    def __init__(self, sign: str) -> None:
        self.sign = sign

    def on_group_finished(
        self, group_id: str, tasks: Sequence[Any], results: Mapping[str, TaskResult], context: Any
    ) -> None:
        if not all(self.sign in str(result.value) for result in results.values()):
            raise ParallelGroupError("one has no sign", group_id=group_id)


class Quorum:
    """No subclass of durable's: durable wraps it, and records it so."""

    def on_group_finished(self, group_id: str, tasks: Any, results: Mapping[str, TaskResult], context: Any) -> None:
        if sum(result.success for result in results.values()) * 2 < len(results):
            raise ValueError("no quorum")


@task
def plan(ctx: TaskExecutionContext, picture: str) -> int:
    bodies.append("plan")
    ctx.next_task(resize(picture="one", width=100))
    ctx.next_task(resize(picture="one", width={1, 2}))  # bound arguments that JSON does not hold
    sizes = parallel([resize(task_id=f"size{n}", picture=picture, width=n) for n in range(3)], name="sizes")
    ctx.next_task(sizes.with_execution(policy=AllAt("@"), max_concurrent=1) >> total)
    ctx.next_task(resize.map(["aa", "bbb"], key=str, name="links").with_execution(max_concurrent=1) >> longest)
    built_in = parallel([resize(task_id="only", picture="x")], name="built-in")
    ctx.next_task(built_in.with_execution(policy="best_effort"))
    composed = parallel([resize(task_id="c", picture="y")], name="composed")
    ctx.next_task(composed.with_execution(policy=AllOf(AllAt("y"), MaxFailuresPolicy(0), AtLeastNGroupPolicy(1))))
    foreign = parallel([resize(task_id="f", picture="z")], name="foreign")
    ctx.next_task(foreign.with_execution(policy=Quorum()))
    return 3


with workflow("pictures") as pictures:
    pictures.add(plan)


@task
def check(ctx: TaskExecutionContext, amount: int) -> int:
    bodies.append("check")
    if amount < 10:
        ctx.next_task(pay, goto=True)
    return amount


@task
def approve() -> str:
    bodies.append("approve")
    return "approved"


@task
def pay(check: int) -> str:
    bodies.append("pay")
    return f"paid {check}"


with workflow("order") as order:
    check >> approve >> pay


@task(max_cycles=20)
def improve(ctx: TaskExecutionContext, guess: float = 1.0, deadly: int = 0) -> float:
    bodies.append(ctx.task_id)
    if ctx.iteration == deadly and not mended:
        os.kill(os.getpid(), signal.SIGKILL)
    better = (guess + 2 / guess) / 2
    ctx.get_channel().append("guesses", round(better, 3))
    if abs(better - guess) > 1e-6:
        ctx.next_iteration(improve(guess=better))
    return better


@task
def show(improve: float) -> str:
    bodies.append("show")
    return f"{improve:.6f}"


with workflow("root") as root:
    improve >> show


@task(max_cycles=2)
def forever(ctx: TaskExecutionContext) -> None:
    bodies.append(ctx.task_id)
    if not mended:
        ctx.next_iteration()


with workflow("forever") as loops:
    loops.add(forever)


def _start(flow: Workflow, run_id: str, **initial: Any) -> Any:
    return lambda store: flow.start(run_id=run_id, store=store, initial=initial or None)


RUNS = {
    "scheduled": _start(pictures, "scheduled", picture="a.png"),
    "scheduled-killed": _start(pictures, "scheduled-killed", picture="deadly"),
    "jumped": _start(order, "jumped", amount=5),
    "not-jumped": _start(order, "not-jumped", amount=50),
    "iterated": _start(root, "iterated"),
    "iterated-killed": _start(root, "iterated-killed", deadly=3),
    "too-many-cycles": _start(loops, "too-many-cycles"),
}
SENDS: dict[str, list[tuple[object, ...]]] = {}
