"""Workflows made by chance whose bodies make durable calls, grow and go round: scripts1, scripts2 and so on.

A body is a list of orders, the same in each process; what it returns depends on nothing else.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from durable import ParallelGroup, RetryPolicy, TaskExecutionContext, chain, task, workflow
from durable.testing import Send

COUNT = 60
PATIENT = RetryPolicy(max_attempts=20, initial_interval=0.001, backoff_factor=1.0)
Script = list[list[Any]]


def double(n: int) -> int:
    return 2 * n


async def adouble(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


@task(retry=PATIENT)
def follows(context: TaskExecutionContext, script: Script, data: int = 1) -> list[Any]:
    """Do what the script says."""
    found: list[Any] = []
    for what, *rest in script:
        if what == "step":
            found.append(context.step(adouble if rest[0] % 2 else double, rest[0]))
        elif what == "track":
            for item in context.track(range(rest[0])):
                context.get_channel().append("tracked", item)
                context.get_channel().append("tracked", context.step(double, item))
                if rest[1]:
                    context.next_task(made(rest[1]))
        elif what == "sleep":
            context.sleep(rest[0])
        elif what == "signal":
            context.wait_for_signal("go")
        elif what == "ask":
            found.append(context.request_feedback(rest[0], request_id=rest[0], channel_key=rest[0]).approved)
        else:
            found.append(_quick(context, what, rest, data))
    return found


@task(retry=PATIENT)
async def afollows(context: TaskExecutionContext, script: Script, data: int = 1) -> list[Any]:
    """Do the same in a coroutine, with several steps at once."""
    found: list[Any] = []
    for what, *rest in script:
        if what == "step":
            found += await asyncio.gather(*(context.step(adouble, rest[0] + n) for n in range(2)))
        elif what == "track":
            async for item in context.track(range(rest[0])):
                context.get_channel().append("tracked", item)
                context.get_channel().append("tracked", await context.step(double, item))
                if rest[1]:
                    context.next_task(made(rest[1]))
        elif what == "sleep":
            await context.sleep(rest[0])
        elif what == "signal":
            await context.wait_for_signal("go")
        elif what == "ask":
            found.append((await context.request_feedback(rest[0], request_id=rest[0])).approved)
        else:
            found.append(_quick(context, what, rest, data))
    return found


def _quick(context: TaskExecutionContext, what: str, rest: list[Any], data: int) -> Any:
    """Orders that wait for nothing."""
    if what == "add":
        context.get_channel().atomic_add("sum", rest[0])
        context.metadata[f"{context.task_id}.{rest[0]}"] = rest[0]
    elif what == "fail" and context.attempt < rest[0]:
        raise ConnectionError("again")
    elif what in ("next", "goto"):
        context.next_task(made(rest[0]), goto=what == "goto")
    elif what == "again" and data < rest[0]:
        context.next_iteration(data + 1)
    return what


def made(item: list[Any]) -> Any:
    """The task, chain or group that a description means."""
    kind, *rest = item
    if kind == "task":
        name, is_async, script = rest
        return (afollows if is_async else follows)(task_id=name, script=script)
    if kind == "chain":
        return chain(*map(made, rest[0]))
    group = ParallelGroup(*map(made, rest[1]), name=rest[0])
    return group.with_execution(max_concurrent=rest[2], backend=rest[3])


class Maker:
    """Describes one workflow.

    Args:
        seed: what it is made from.

    Attributes:
        asked: the questions that it asks.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.count = 0
        self.asked: list[str] = []

    def item(self, depth: int, alone: bool) -> list[Any]:
        """Describe a task, a chain or a group; questions are asked only where that happens once."""
        self.count += 1
        number = self.count
        chance = self.draw.random()
        if depth and chance < 0.25:
            backend = self.draw.choice(["threading", "direct", "asyncio"])
            members = [self.item(depth - 1, alone) for _ in range(self.draw.randint(1, 3))]
            return ["group", f"g{number}", members, self.draw.choice([None, 1, 2]), backend]
        if depth and chance < 0.4:
            return ["chain", [self.item(depth - 1, alone) for _ in range(2)]]
        name, loops = f"t{number}", self.draw.random() < 0.2
        script = self.script(depth, alone and not loops)
        if loops:
            script.append(["again", self.draw.randint(2, 3)])
        elif depth and self.draw.random() < 0.15:
            script.append(["goto", self.item(depth - 1, alone)])
        return ["task", name, self.draw.random() < 0.4, script]

    def script(self, depth: int, alone: bool) -> Script:
        """Describe a body."""
        return [self.order(depth, alone) for _ in range(self.draw.randint(1, 4))]

    def order(self, depth: int, alone: bool) -> list[Any]:
        """Describe one thing that a body does."""
        kinds = ["step", "step", "add", "track", "fail", "sleep", "signal"]
        kind = self.draw.choice(kinds + ["ask"] * alone + ["next"] * 2 * (depth > 0))
        if kind == "track":
            inner = self.item(depth - 1, False) if depth and self.draw.random() < 0.4 else None
            return [kind, self.draw.randint(1, 3), inner]
        if kind == "next":
            return [kind, self.item(depth - 1, alone)]
        if kind == "ask":
            self.asked.append(f"q{len(self.asked)}")
            return [kind, self.asked[-1]]
        return [kind, {"sleep": 0.004, "fail": 2}.get(kind, self.draw.randint(1, 9))]


def described(seed: int) -> tuple[list[list[Any]], tuple[Send, ...]]:
    """The parts of a workflow, and what has to be sent to it."""
    maker = Maker(seed)
    parts = [maker.item(2, True) for _ in range(maker.draw.randint(1, 3))]
    signals = [Send("signal", "go")] * (40 if "'signal'" in repr(parts) else 0)
    return parts, (*signals, *(Send("answer", name, True) for name in maker.asked))


for _seed in range(1, COUNT + 1):
    with workflow(f"scripts{_seed}") as _wf:
        chain(*map(made, described(_seed)[0]))
    globals()[_wf.name] = _wf
