"""A log so long that the store keeps a checkpoint by itself, and values that only its dictionary can expand."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from typing import Any

from durable import Store, TaskExecutionContext, prune, task, workflow

ABOUT = "An automatic checkpoint in a killed run; values in a dictionary whose trainer was pruned; a shared blob"
bodies: list[str] = []
mended = False
MEMBERS = 2040


@task
def nothing(number: int) -> None:
    bodies.append("nothing")
    if number == MEMBERS - 1 and not mended:
        os.kill(os.getpid(), signal.SIGKILL)


@task
def after() -> str:
    bodies.append("after")
    return "after"


with workflow("long") as long_log:
    nothing.map(range(MEMBERS), name="m").with_execution(max_concurrent=1, chunk_size=20) >> after


def row(number: int) -> dict[str, Any]:
    """Values that look alike: alone they do not compress, together they do."""
    return {
        "identifier": f"order-{number:06}",
        "customer": {"name": f"customer {number * 37 % 1000}", "country": "Nowhere"},
        "lines": [{"article": number % 7, "amount": number % 3}],
        "remark": "as always, with the best regards of the house",
    }


def make(number: int) -> dict[str, Any]:
    bodies.append("make")
    return row(number)


@task
def train(ctx: TaskExecutionContext) -> int:
    for number in range(4200):
        ctx.step(make, number)
    return 4200


with workflow("train") as trainer:
    trainer.add(train)


@task
def order(number: int) -> dict[str, Any]:
    bodies.append(f"order {number}")
    return row(number)


@task
def shared(number: int) -> list[int]:
    bodies.append(f"shared {number}")
    return [n * 7919 % 10007 for n in range(1200)]


with workflow("alike") as alike:
    orders = order.map(range(20), name="orders").with_execution(max_concurrent=1)
    orders >> shared(task_id="shared0", number=0) >> shared(task_id="shared1", number=1)


def long_run(store: Store) -> None:
    long_log.start(run_id="long-killed", store=store)


def with_dictionary(store: Store) -> None:
    trainer.start(run_id="trainer", store=store)
    path = store.url.removeprefix("sqlite:///")
    for _ in range(600):  # it is trained in a thread of its own
        with sqlite3.connect(path) as database:
            if database.execute("SELECT count(*) FROM dictionaries").fetchone()[0]:
                break
        time.sleep(0.05)
    time.sleep(0.5)
    alike.start(run_id="alike", store=store)
    prune("trainer", store=store)


RUNS: dict[str, Any] = {"long-killed": long_run, "dictionary": with_dictionary}
SENDS: dict[str, list[tuple[object, ...]]] = {}
