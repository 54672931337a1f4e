"""Workflows whose bodies the test steers from outside, by files in a folder that is their input."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from durable import RetryPolicy, Task, TaskExecutionContext, parallel, task, workflow

LONG = 30.0


def wait_for(flag: Path) -> None:
    """Block until a file is there."""
    until = time.monotonic() + LONG
    while not flag.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"nobody made {flag}")
        time.sleep(0.005)


@task
def prepare() -> str:
    return "prepared"


@task
def publish(group: dict[str, str]) -> list[str]:
    return sorted(group)


def quick(context: TaskExecutionContext) -> str:
    return context.task_id


def slow_at_first(context: TaskExecutionContext) -> str:
    if context.attempt == 1:
        time.sleep(LONG)
    return context.task_id


with workflow("two_slow") as two_slow:
    two = [Task(quick, "a"), Task(quick, "b"), Task(slow_at_first, "c"), Task(slow_at_first, "d")]
    prepare >> parallel(*two, name="group").with_execution(max_concurrent=4) >> publish


@task
def needs_repair(folder: str) -> str:
    if not Path(folder, "repaired").exists():
        raise RuntimeError("still broken")
    return "repaired"


with workflow("repairable") as repairable:
    prepare >> parallel(*(Task(quick, name) for name in "abc"), needs_repair, name="group") >> publish


@task
def held(context: TaskExecutionContext, folder: str) -> int:
    """The first process that comes here waits; others, in later attempts, do not."""
    if context.attempt <= 1 + int(Path(folder, "hold_twice").exists()):
        wait_for(Path(folder, "go"))
    return context.attempt


@task
def after_held(held: int) -> int:
    return held


with workflow("holding") as holding:
    prepare >> held >> after_held


@task(retry=RetryPolicy(max_attempts=3))
def poison() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def takes_a_while(context: TaskExecutionContext) -> str:
    time.sleep(0.02)
    return context.task_id


with workflow("poisoned") as poisoned:
    siblings = [Task(takes_a_while, f"sibling{n}") for n in range(3)]
    prepare >> parallel(siblings[0], poison, *siblings[1:], name="group").with_execution(max_concurrent=4) >> publish
