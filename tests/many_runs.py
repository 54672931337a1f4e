"""A hundred runs of all kinds in one process, and what the process holds before and after; run by test_leaks.py."""

from __future__ import annotations

import _thread
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from durable import RunSuspended, TaskExecutionContext, open_run, parallel, task, workflow
from durable.cli import main as command
from durable.context import durable_calls

FILE = "sqlite:///runs.db?synchronous=normal"
PATIENCE = 10.0
"""Seconds until what is about to end has ended, on a machine that is busy."""


@task
def one() -> int:
    return 1


@task
def two() -> int:
    return 2


@task
async def later() -> int:
    return 3


@task
async def last() -> int:
    return 4


@task
def add(one: int, two: int = 0) -> int:
    return one + two


@task
def fails() -> None:
    raise ValueError("bad row")


@task
def asks(ctx: TaskExecutionContext) -> Any:
    return ctx.request_feedback("Publish?", request_id="publish")


with workflow("chained") as chained:
    one >> add
with workflow("threads") as threads:
    parallel(one, two, name="both").with_execution(backend="threading")
with workflow("coroutines") as coroutines:
    parallel(later, last, name="both").with_execution(backend="asyncio")
with workflow("processes") as processes:
    parallel(one, two, name="both").with_execution(backend="process")
with workflow("failing") as failing:
    parallel(one, fails, name="both").with_execution(backend="threading")
with workflow("asking") as asking:
    asking.add(asks)


def every_kind(store: str, number: int) -> None:
    """Do one round: each kind of run once, some of them looked at, answered and gone on with."""
    chained.execute(store=store)
    threads.execute(store=store)
    coroutines.execute(store=store)
    with failing.start(store=store, run_id=f"failing-{number}") as run:
        assert run.status == "failed"
    if store.startswith("memory:"):
        return
    try:
        asking.execute(store=store, run_id=f"asking-{number}")
    except RunSuspended:
        with open_run(f"asking-{number}", store) as waits:
            waits.answer("publish", True)
            assert waits.resume(asking).status == "succeeded"
    by_command(store, number)


def by_command(store: str, number: int) -> None:
    """Call commands in this process, one of which fails; what they print goes nowhere."""
    run_id = f"command-{number}"
    for words in (
        ["run", f"{__file__}:chained", "--run-id", run_id, "--json"], ["show", run_id], ["show", "nope", "--json"],
        ["resume", f"failing-{number}", "--json"],
    ):  # fmt: skip
        command([*words, "--store", store], standalone_mode=False)


def held(folder: Path) -> dict[str, Counter[str]]:
    """What this process holds now, and which files there are in its folder, numbers left out."""
    gc.collect()
    tasks = os.listdir("/proc/self/task")
    return {
        "descriptors": Counter(filter(None, map(_target, os.listdir("/proc/self/fd")))),
        "threads": Counter(thread.name.rstrip("0123456789") for thread in threading.enumerate()),
        "kernel threads": Counter(threads=len(tasks)),
        "children": Counter(children=sum(len(_children(task)) for task in tasks)),
        "files": Counter(
            str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts
        ),
    }


def _target(descriptor: str) -> str | None:
    try:
        return re.sub(r"\[\d+\]", "", os.readlink(f"/proc/self/fd/{descriptor}"))
    except FileNotFoundError:  # that of the listing itself
        return None


def _children(thread: str) -> list[str]:
    try:
        return Path(f"/proc/self/task/{thread}/children").read_text().split()
    except FileNotFoundError:  # it has ended meanwhile
        return []


def more(folder: Path, before: dict[str, Counter[str]], patience: float) -> dict[str, list[str]]:
    """What there is more of than before, by kind, once everything that is about to end has ended."""
    until = time.monotonic() + patience
    while True:
        found = {kind: sorted((now - before[kind]).elements()) for kind, now in held(folder).items()}
        found = {kind: extra for kind, extra in found.items() if extra}
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.02)


def many(rounds: int) -> dict[str, list[str]]:
    """Warm up, do many runs and return what is held afterwards that was not held before."""
    durable_calls.LIVE_WAIT = 0.0  # nobody answers while a body is held: runs suspend at once
    for number in range(rounds + 2):
        for store in ("memory://many", FILE):
            every_kind(store, number)
        if number in (1, 2, 3):  # a few, as each starts interpreters
            processes.execute(store=FILE)
        if number == 1:
            before = held(Path.cwd())
    return more(Path.cwd(), before, PATIENCE)


def planted() -> dict[str, list[str]]:
    """Leak something of each kind and return the kinds that are found then."""
    child = [sys.executable, "-c", "import time; time.sleep(60)"]
    kept: list[Any] = []
    found = {}
    for kind, leak in {
        "descriptors": lambda: os.dup(0),
        "threads": lambda: threading.Thread(target=threading.Event().wait, daemon=True).start(),
        "kernel threads": lambda: _thread.start_new_thread(threading.Event().wait, ()),
        "children": lambda: subprocess.Popen(child, stdin=subprocess.DEVNULL),
        "files": lambda: os.close(tempfile.mkstemp()[0]),
    }.items():
        before = held(Path.cwd())
        kept.append(leak())
        found[kind] = list(more(Path.cwd(), before, 0.2))
    for process in kept:
        if isinstance(process, subprocess.Popen):
            process.kill()
            process.wait()
    return found


def tell(function: Callable[..., Any], *arguments: Any) -> None:
    """Call a function, and print nothing but what it returns."""
    out = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    os.write(out, json.dumps(function(*arguments)).encode())
