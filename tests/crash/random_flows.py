"""Workflows made by chance, the same in each process: random1, random2 and so on."""

from __future__ import annotations

import random
from typing import Any

from durable import ParallelGroup, RetryPolicy, Task, TaskExecutionContext, workflow
from durable.definition.expressions import chain

COUNT = 30


def works(context: TaskExecutionContext, n: int) -> int:
    context.get_channel().atomic_add("sum", n)
    context.get_channel().append("done", context.task_id)
    return n


def breaks(n: int) -> int:
    raise ValueError(f"{n} is broken")


def flaky(context: TaskExecutionContext, n: int) -> int:
    if context.attempt < 2 + n % 2:
        raise ConnectionError("again")
    context.metadata[context.task_id] = n
    return n


PATIENT = RetryPolicy(max_attempts=9, initial_interval=0.001, backoff_factor=1.0)


class Maker:
    """Makes one workflow.

    Args:
        seed: what it is made from.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.count = 0

    def name(self, kind: str) -> str:
        """A new id."""
        self.count += 1
        return f"{kind}{self.count}"

    def task(self, breakable: float) -> Task[Any]:
        """A task that works, fails, or fails at first."""
        chance = self.draw.random()
        if chance < breakable:
            return Task(breaks, self.name("bad"))(n=self.count)
        if chance < 0.5:
            return Task(flaky, self.name("flaky"), retry=PATIENT)(n=self.count)
        return Task(works, self.name("good"))(n=self.count)

    def group(self, depth: int) -> ParallelGroup:
        """A group of tasks, chains and groups under some policy."""
        members = [self.item(depth - 1, 0.25) for _ in range(self.draw.randint(1, 4))]
        policies: list[Any] = ["strict", "best_effort", "best_effort", {"type": "max_failures", "max_failures": 1}]
        policies.append({"type": "min_success_rate", "min_rate": 0.5})
        group = ParallelGroup(*members, name=self.name("group"))
        limit, backend = self.draw.choice([None, 1, 2]), self.draw.choice(["threading", "threading", "direct"])
        return group.with_execution(policy=self.draw.choice(policies), max_concurrent=limit, backend=backend)

    def item(self, depth: int, breakable: float) -> Any:
        """A task, a chain or a group."""
        chance = self.draw.random()
        if depth and chance < 0.4:
            return self.group(depth)
        if depth and chance < 0.6:
            return chain(*(self.item(depth - 1, breakable) for _ in range(2)))
        return self.task(breakable)


def made(seed: int) -> Any:
    """A workflow of a chain, and sometimes of a second branch."""
    maker = Maker(seed)
    with workflow(f"random{seed}") as wf:
        first = maker.task(0.0)
        whole = [maker.item(2, 0.03) for _ in range(maker.draw.randint(1, 4))]
        chain(first, *whole)
        if maker.draw.random() < 0.5:
            first >> maker.item(1, 0.1) >> maker.task(0.0)
    return wf


for _seed in range(1, COUNT + 1):
    globals()[f"random{_seed}"] = made(_seed)
