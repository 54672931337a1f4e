"""Workflows for the crash tests: one of each shape. Their results depend on nothing but the input.

Bodies take a millisecond or two, so that kills at random instants also hit bodies.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from durable import (
    AllOf,
    AtLeastNGroupPolicy,
    CoordinationBackend,
    CriticalGroupPolicy,
    MaxFailuresPolicy,
    MinSuccessRatePolicy,
    ParallelGroup,
    ParallelGroupError,
    RetryPolicy,
    StrictGroupPolicy,
    Task,
    TaskExecutionContext,
    TaskResult,
    chain,
    parallel,
    task,
    workflow,
)


@task
def begin(n: int = 1) -> int:
    return n + 1


@task
def end(begin: int = 0) -> tuple[int, str]:
    return begin, "ended"  # a tuple is pickled


def works(n: int = 0) -> dict[str, int]:
    time.sleep(0.001 * (n % 3))
    return {"n": n}


def breaks(n: int = 0) -> None:
    time.sleep(0.001)
    raise ValueError(f"{n} is broken")


def members(good: int, bad: int = 0) -> list[Task[Any]]:
    """Members that succeed, g0 and on, and after them members that fail, b0 and on."""
    made: list[Task[Any]] = [Task(works, f"g{n}")(n=n) for n in range(good)]
    return made + [Task(breaks, f"b{n}")(n=n) for n in range(bad)]


def judged(name: str, policy: Any, good: int, bad: int = 0, **settings: Any) -> None:
    """Define a workflow with one group in its middle."""
    with workflow(name) as wf:
        begin >> ParallelGroup(members(good, bad), name="group").with_execution(policy=policy, **settings) >> end
    globals()[name] = wf


with workflow("chain") as chain_flow:
    chain(begin, *(Task(works, f"step{n}")(n=n) for n in range(4)), end)

judged("strict", "strict", 4)
judged("strict_fails", StrictGroupPolicy(), 3, 1)
judged("best_effort", "best_effort", 2, 2)
judged("at_least_n", AtLeastNGroupPolicy(2), 2, 2)
judged("at_least_n_fails", {"type": "at_least_n", "min_success": 3}, 2, 2)
judged("min_success_rate", MinSuccessRatePolicy(0.5), 2, 2)
judged("critical", CriticalGroupPolicy(["g1"]), 3, 1)
judged("critical_fails", CriticalGroupPolicy(["b0"]), 3, 1)
judged("max_failures", MaxFailuresPolicy(1), 3, 1)
judged("all_of", AllOf(MaxFailuresPolicy(2), AtLeastNGroupPolicy(2)), 2, 2)
judged("direct", "best_effort", 2, 1, backend=CoordinationBackend.DIRECT)
judged("wide", "strict", 40, max_concurrent=8)
judged("fail_fast", StrictGroupPolicy(fail_fast=True), 5, 1, max_concurrent=3)
judged("decide_early", AtLeastNGroupPolicy(2), 5, 1, max_concurrent=3, decide_early=True)


class OnlyOptionalMayFail:
    """A policy of the file's own: members named b* may fail."""

    def on_group_finished(
        self, group_id: str, tasks: Sequence[Any], results: Mapping[str, TaskResult], context: Any
    ) -> None:
        failed = [name for name, result in results.items() if not result.success]
        if any(not name.startswith("b") for name in failed):
            raise ParallelGroupError("one that was needed failed", group_id=group_id)
        context.metadata["forgiven"] = sorted(failed)


judged("custom_policy", OnlyOptionalMayFail(), 3, 1)


class TryAgain:
    """A policy that asks for its failed members again, and counts the rounds durably."""

    def on_group_finished(
        self, group_id: str, tasks: Sequence[Any], results: Mapping[str, TaskResult], context: Any
    ) -> None:
        failed = [name for name, result in results.items() if not result.success]
        rounds = context.metadata.get("rounds", 0)
        if failed and rounds < 3:
            context.metadata["rounds"] = rounds + 1
            for name in failed:
                context.next_task(name)
        elif failed:
            raise ParallelGroupError("three rounds were not enough", group_id=group_id)


@task
def works_in_round_two(context: TaskExecutionContext) -> str:
    if context.metadata.get("rounds", 0) < 2:
        raise ValueError("not yet")
    return "at last"


with workflow("policy_retries") as policy_retries:
    begin >> parallel(*members(2), works_in_round_two, name="group").with_execution(policy=TryAgain()) >> end


with workflow("nested") as nested:
    inner = parallel(*members(1, 1), name="inner").with_execution(policy="best_effort")
    line = chain(Task(works, "first")(n=1), Task(works, "second")(n=2))
    begin >> parallel(inner, line, Task(works, "single")(n=3), name="outer") >> end


with workflow("chains") as chains:
    good = chain(Task(works, "good1")(n=1), Task(works, "good2")(n=2))
    bad = chain(Task(works, "bad1")(n=1), Task(breaks, "bad2")(n=2), Task(works, "bad3")(n=3))
    begin >> parallel(good, bad, name="group").with_execution(policy="best_effort") >> end


@task
def join(left: dict[str, int], right: dict[str, int]) -> int:
    return left["n"] + right["n"]


with workflow("diamond") as diamond:
    left, right = Task(works, "left")(n=1), Task(works, "right")(n=2)
    begin >> left >> join >> end
    begin >> right >> join


@task(retry=RetryPolicy(max_attempts=9, initial_interval=0.002, backoff_factor=1.0))
def flaky(context: TaskExecutionContext) -> str:
    if context.attempt < 3:  # interrupted attempts count too, so that it is the third at the latest
        raise ConnectionError("try again")
    return "third time lucky"


with workflow("retries") as retries:
    begin >> flaky >> parallel(flaky(task_id="flaky1"), flaky(task_id="flaky2"), *members(1), name="group") >> end


@task(timeout=0.02)
def too_slow() -> None:
    time.sleep(0.1)


with workflow("timeouts") as timeouts:
    begin >> parallel(too_slow, *members(2), name="group").with_execution(policy="best_effort") >> end


@task
def adds(context: TaskExecutionContext, n: int = 0) -> int:
    channel = context.get_channel()
    time.sleep(0.001 * (n % 3))
    channel.append("items", n)
    channel.atomic_add("sum", n)
    channel.atomic_add("count")
    channel.set(f"key{n}", n)
    return n


@task
def total(context: TaskExecutionContext) -> list[Any]:
    channel = context.get_channel()
    return [sorted(channel.get("items")), channel.get("sum"), channel.get("count")]


with workflow("merges") as merges:
    parallel(*(adds(task_id=f"add{n}", n=n) for n in range(8)), name="group").with_execution(max_concurrent=4) >> total


with workflow("chord") as chord:
    begin >> ParallelGroup(members(3), name="group", callback=Task(works, "callback")(n=9)) >> end
