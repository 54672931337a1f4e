"""A script: what it defines is recorded by file and name, because it ran as __main__ (durable run script.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from durable import RetryPolicy, TaskExecutionContext, task, workflow

ABOUT = "A program that ran as __main__: its classes and functions are recorded by file and name"


@dataclass
class Basket:
    items: tuple[str, ...]
    policy: RetryPolicy


@task
def pack(name: str) -> Basket:
    return Basket((name, "bread"), RetryPolicy(max_attempts=2))


@task
def label(text: str) -> str:
    return f"label {text}"


@task
def send(ctx: TaskExecutionContext, pack: Basket) -> Any:
    ctx.next_task(label(text=pack.items))
    ctx.set("basket", pack)
    ctx.set("class", Basket)
    return ctx.wait_for_signal("address")


with workflow("script") as wf:
    pack >> send

if __name__ == "__main__":
    import sys

    from durable import open_store
    from durable.testing import FakeClock

    with open_store(sys.argv[1], clock=FakeClock()) as store:
        wf.start(run_id="suspended", store=store, initial={"name": "apple"})
        run = wf.start(run_id="done", store=store, initial={"name": "pear"})
        run.signal("address", "Main Street", id="a1")
        run.resume()
