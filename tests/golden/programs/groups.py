"""Groups under each policy, nested groups, races and chords."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from durable import (
    AllOf,
    AtLeastNGroupPolicy,
    BestEffortGroupPolicy,
    CriticalGroupPolicy,
    GroupExecutionPolicy,
    MaxFailuresPolicy,
    MinSuccessRatePolicy,
    ParallelGroupError,
    RaceGroup,
    Store,
    TaskExecutionContext,
    TaskResult,
    Workflow,
    parallel,
    task,
    workflow,
)

ABOUT = "Groups: every policy with a verdict of success and one of failure, nested groups, races, chords, own policies"
bodies: list[str] = []
mended = False


@task
def member(name: str, good: bool = True) -> int:
    bodies.append(name)
    if not good and not mended:
        raise ConnectionError(f"{name} did not answer")
    return len(name)


@task
def after(group: dict[str, int]) -> list[str]:
    bodies.append("after")
    return sorted(group)


class EnoughValue(GroupExecutionPolicy):
    """A policy of the program's own: the values have to add up to so much."""

    def __init__(self, least: int) -> None:
        self.least = least

    def on_group_finished(
        self, group_id: str, tasks: Sequence[Any], results: Mapping[str, TaskResult], context: Any
    ) -> None:
        value = sum(result.value for result in results.values() if result.success)
        context.metadata["value"] = value
        if value < self.least:
            raise ParallelGroupError(f"{value} is less than {self.least}", group_id=group_id)


class TwoRounds(GroupExecutionPolicy):
    """A policy that lets members that failed run once more before it judges."""

    def on_group_finished(
        self, group_id: str, tasks: Sequence[Any], results: Mapping[str, TaskResult], context: Any
    ) -> None:
        failed = [name for name, result in results.items() if not result.success]
        if failed and context.metadata.get("rounds", 1) == 2:
            raise ParallelGroupError(f"{len(failed)} failed twice", group_id=group_id, failed_tasks=[("x", "y")])
        if failed:
            context.metadata["rounds"] = 2
            for name in failed:
                context.next_task(name)


class Quorum:
    """No subclass of durable's: anything with this method is a policy."""

    def on_group_finished(self, group_id: str, tasks: Any, results: Mapping[str, TaskResult], context: Any) -> None:
        if sum(result.success for result in results.values()) * 2 < len(results):
            raise ValueError("no quorum")


POLICIES: dict[str, Any] = {
    "strict": "strict",
    "best_effort": BestEffortGroupPolicy(),
    "at_least_n": {"type": "at_least_n", "min_success": 2},
    "min_success_rate": MinSuccessRatePolicy(min_rate=0.6),
    "critical": CriticalGroupPolicy(critical_task_ids=["a"]),
    "max_failures": MaxFailuresPolicy(max_failures=1),
    "all_of": AllOf(AtLeastNGroupPolicy(min_success=1), MaxFailuresPolicy(1), EnoughValue(2)),
    "own": EnoughValue(2),
    "rounds": TwoRounds(),
    "quorum": Quorum(),
}


def judged(name: str, failures: int) -> Workflow:
    """A group of three, of which the first so many fail, and a task after it."""
    with workflow(f"{name}-{failures}") as made:
        members = [member(task_id=one, name=one, good=n >= failures) for n, one in enumerate("abc")]
        parallel(members, name="group").with_execution(policy=POLICIES[name], max_concurrent=1) >> after
    return made


JUDGED = {f"{name}-{failures}": judged(name, failures) for name in POLICIES for failures in (0, 2)}


@task
def first(ctx: TaskExecutionContext) -> str:
    bodies.append("first")
    ctx.get_channel().atomic_add("winners")
    return "first"


@task
def slow(ctx: TaskExecutionContext) -> str:
    while not ctx.cancelled:
        time.sleep(0.001)
    return "slow"


with workflow("race") as race:
    RaceGroup(first, slow, name="race") >> task(id="winner")(lambda race: race)


@task
def chord_end(numbers: dict[str, int]) -> int:
    bodies.append("chord_end")
    return sum(numbers.values())


@task
def one() -> int:
    bodies.append("one")
    return 1


@task
def two(one: int) -> int:
    bodies.append("two")
    if not mended:
        os.kill(os.getpid(), signal.SIGKILL)
    return one + 1


with workflow("nested") as nested:
    inner = parallel(member(task_id="x", name="x"), member(task_id="y", name="y", good=False), name="inner")
    line = one >> two  # a chain as a member is known by its last task
    outer = parallel(
        line, inner.with_execution(policy="best_effort"), name="outer", callback=chord_end(numbers={"n": 4})
    )
    outer.with_execution(max_concurrent=1) >> task(id="end")(lambda outer: sorted(outer))


with workflow("chord") as chord:
    numbers = parallel(
        member(task_id="p", name="p"), member(task_id="qq", name="qq"), name="numbers", callback=chord_end
    )
    chord.add(numbers)

with workflow("fail-fast") as fail_fast:
    chain = parallel(member(task_id="m1", name="m1", good=False), member(task_id="m2", name="m2"), name="quick")
    chain.with_execution(fail_fast=True, max_concurrent=1, backend="direct") >> after(group={})


@task
def gives_up(ctx: TaskExecutionContext) -> str:
    bodies.append("gives_up")
    if not mended:
        ctx.cancel_workflow("enough")
    return "gone on"


with workflow("cancelled") as cancelled:
    begun = parallel(gives_up, member(task_id="unborn", name="unborn"), name="begun").with_execution(max_concurrent=1)
    begun >> parallel(member(task_id="z", name="z"), name="never")


def _start(flow: Workflow, run_id: str) -> Any:
    return lambda store: flow.start(run_id=run_id, store=store)


def rejudged(store: Store) -> None:
    JUDGED["strict-2"].start(run_id="judged-again", store=store)
    JUDGED["strict-2"].resume("judged-again", store=store, policy="best_effort", actor="Ada", reason="closed")


RUNS: dict[str, Any] = {name: _start(flow, name) for name, flow in JUDGED.items()}
RUNS |= {
    "race": _start(race, "race"),
    "nested-killed": _start(nested, "nested-killed"),
    "chord": _start(chord, "chord"),
    "fail-fast": _start(fail_fast, "fail-fast"),
    "judged-again": rejudged,
    "cancelled": _start(cancelled, "cancelled"),
}
SENDS: dict[str, list[tuple[object, ...]]] = {}
