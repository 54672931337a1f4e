"""Workflows that grow, go round or end early while they run, for the crash tests.

Their results show what ran in which order, where that is certain.
"""

from __future__ import annotations

import time
from typing import Any

from durable import (
    CoordinationBackend,
    ParallelGroup,
    RaceGroup,
    RetryPolicy,
    Task,
    TaskExecutionContext,
    parallel,
    task,
    workflow,
)

FAN_OUT = 3


@task
def begin(n: int = 1) -> int:
    return n + 1


@task
def end(begin: int = 0) -> tuple[int, str]:
    return begin, "ended"


def works(n: int = 0) -> dict[str, int]:
    time.sleep(0.001 * (n % 3))
    return {"n": n}


# A tree: a task schedules tasks that schedule groups, three deep.


@task
def leaf(context: TaskExecutionContext, path: str) -> str:
    context.get_channel().append("leaves", path)
    time.sleep(0.001 * (len(path) % 3))
    return path


@task
def integrate(context: TaskExecutionContext, path: str) -> list[str]:
    found = context.get_result("leaves")
    return [path, *sorted(found.values())]


@task
def branch(context: TaskExecutionContext, path: str) -> str:
    leaves = parallel(*(leaf(path=f"{path}.{n}") for n in range(FAN_OUT)), name="leaves")
    context.next_task(leaves >> integrate(path=path))
    return path


@task
def root(context: TaskExecutionContext) -> str:
    for n in range(FAN_OUT):
        context.next_task(branch(path=str(n)))
    return "root"


with workflow("tree") as tree:
    begin >> root


# Going somewhere else, to what is scheduled and to what is there.


@task
def detour(context: TaskExecutionContext, n: int = 0) -> str:
    context.get_channel().append("way", f"detour{n}")
    if n < 2:
        context.next_task(detour(n=n + 1), goto=True)
    else:
        context.next_task(arrive, goto=True)
    return f"detour{n}"


@task
def straight(context: TaskExecutionContext) -> str:
    context.get_channel().append("way", "straight")
    return "straight"


@task
def arrive(context: TaskExecutionContext) -> list[str]:
    return [*context.get("way", []), "arrived"]


with workflow("goto_dynamic") as goto_dynamic:
    begin >> detour >> straight
    begin >> Task(works, "aside")(n=2)


@task
def skips_one(context: TaskExecutionContext) -> str:
    context.next_task(after_next, goto=True)
    return "skips"


@task
def between(context: TaskExecutionContext) -> str:
    return "between"


@task
def after_next(skips_one: str, between: str = "left out") -> list[str]:
    return [skips_one, between]


with workflow("goto_static") as goto_static:
    begin >> skips_one >> between >> after_next >> Task(works, "last")(n=1)


# Two branches schedule something of the same id.


@task
def endpoint(context: TaskExecutionContext, of: str) -> str:
    return f"{of}:{context.task_id}"


def schedules(context: TaskExecutionContext, of: str) -> str:
    time.sleep(0.001 * (ord(of) % 3))
    context.next_task(endpoint(of=of))
    context.next_task(endpoint(of=of.upper()))
    return of


with workflow("endpoints") as endpoints:
    begin >> parallel(*(Task(schedules, name)(of=name) for name in "ab"), name="group") >> end


# Loops.


@task(max_cycles=10)
def goes_round(context: TaskExecutionContext, data: Any = None) -> list[int]:
    n = (data or {"n": 0})["n"]
    context.get_channel().append("rounds", [n, context.task_id])
    context.get_channel().atomic_add("sum", n)
    if n % 2:
        context.next_task(Task(works, "aside")(n=n))
    if n < 4:
        context.next_iteration({"n": n + 1})
    return [n]


@task
def tells(context: TaskExecutionContext) -> list[Any]:
    return [context.get("rounds"), context.get("sum")]


with workflow("loop_data") as loop_data:
    begin >> goes_round >> tells


@task(retry=RetryPolicy(max_attempts=9, initial_interval=0.001, backoff_factor=1.0))
def goes_round_bound(context: TaskExecutionContext, n: int = 0, kept: str = "") -> str:
    if context.iteration == 2 and context.attempt == 1:
        raise ConnectionError("try again")
    context.get_channel().append("rounds", [n, kept])
    if n < 3:
        context.next_iteration(goes_round_bound(n=n + 1, **({"kept": "given once"} if n == 0 else {})))
    return kept


with workflow("loop_bound") as loop_bound:
    begin >> parallel(goes_round_bound, Task(works, "other")(n=2), name="group") >> tells


# Ends that come early.


@task
def terminates(context: TaskExecutionContext) -> str:
    context.get_channel().set("said", "enough")
    context.terminate_workflow({"early": True})
    return "terminated"


with workflow("terminate_task") as terminate_task:
    begin >> terminates >> end


with workflow("terminate_group") as terminate_group:
    slow = [Task(works, f"g{n}")(n=n) for n in range(3)]
    begin >> parallel(*slow[:2], terminates, slow[2], name="group").with_execution(max_concurrent=2) >> end


@task
def cancels(context: TaskExecutionContext) -> str:
    context.get_channel().set("said", "stop")
    context.cancel_workflow("not wanted")
    return "cancelled"


with workflow("cancel_task") as cancel_task:
    begin >> cancels >> end


# Groups.


@task
def adds_up(context: TaskExecutionContext, parts: dict[str, dict[str, int]]) -> int:
    context.next_task(leaf(path="from the callback"))
    return sum(part["n"] for part in parts.values())


with workflow("chord_callback") as chord_callback:
    group = ParallelGroup([Task(works, f"g{n}")(n=n) for n in range(3)], name="group", callback=adds_up)
    begin >> group >> end


class GrowsAfterwards:
    """A policy that schedules work after its verdict."""

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        context.metadata["judged"] = context.metadata.get("judged", 0) + 1
        context.next_task(leaf(path="after the verdict"))


with workflow("policy_grows") as policy_grows:
    members = [Task(works, f"g{n}")(n=n) for n in range(2)]
    begin >> parallel(*members, name="group").with_execution(policy=GrowsAfterwards()) >> end


@task
def wins(context: TaskExecutionContext) -> str:
    context.get_channel().append("wrote", "winner")
    return "winner"


@task
def loses(context: TaskExecutionContext) -> str:
    context.get_channel().append("wrote", "loser")
    while not context.cancelled:
        time.sleep(0.001)
    return "loser"


@task
def who(context: TaskExecutionContext) -> list[Any]:
    return [context.get("wrote"), sorted(context.get_result("group"))]


with workflow("race") as race:
    runners = [loses(task_id="loses1"), wins, loses(task_id="loses2")]
    begin >> RaceGroup(runners, name="group") >> who


@task(retry=RetryPolicy(max_attempts=9, initial_interval=0.001, backoff_factor=1.0))
async def flaky_async(context: TaskExecutionContext, n: int) -> int:
    import asyncio

    await asyncio.sleep(0.001 * (n % 3))
    if context.attempt < 2:
        raise ConnectionError("try again")
    context.get_channel().atomic_add("sum", n)
    return n


with workflow("async_group") as async_group:
    coroutines = [flaky_async(task_id=f"c{n}", n=n) for n in range(4)]
    begin >> parallel(*coroutines, name="group").with_execution(backend=CoordinationBackend.ASYNCIO) >> end


with workflow("mixed_group") as mixed_group:
    mixed = [flaky_async(task_id="c1", n=1), Task(works, "f1")(n=1), flaky_async(task_id="c2", n=2), Task(works, "f2")]
    begin >> parallel(*mixed, name="group") >> flaky_async(task_id="c3", n=3) >> end
