"""Workflows with maps, for the crash tests. Each item is worked on for a millisecond or two.

Some read their items from a folder that ``DURABLE_MAP_FOLDER`` names, where tests change them between two processes,
or say at which item the process is to die.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from durable import RetryPolicy, TaskExecutionContext, task, workflow

SIZE = 30
RETRY = RetryPolicy(max_attempts=9, initial_interval=0.001, backoff_factor=1.0)


@task
def begin(n: int = 1) -> int:
    return n + 1


@task
def works(n: int) -> int:
    time.sleep(0.001 * (n % 3))
    return n * n


@task
def breaks(context: TaskExecutionContext, n: int) -> int:
    context.get_channel().atomic_add("tried", 1)
    if n % 7 == 3:
        raise ValueError(f"{n} is broken")
    return n


@task(retry=RETRY)
def flaky(context: TaskExecutionContext, n: int) -> int:
    if context.attempt < 2 and n % 3 == 0:
        raise ConnectionError("try again")
    context.get_channel().atomic_add("sum", n)
    return n


@task
def end(context: TaskExecutionContext, group: Mapping[str, int]) -> list[Any]:
    return [len(group), sum(group.values()), sorted(group)[:3]]


def numbers() -> Iterator[int]:
    yield from range(SIZE)


def slow_numbers() -> Iterator[int]:
    for n in range(SIZE):
        if n == 10:
            time.sleep(0.12)  # longer than a window waits for more
        yield n


def shuffled() -> Iterator[int]:
    """Items in another order in each process."""
    found = list(range(SIZE))
    Random(os.getpid()).shuffle(found)
    yield from found


def name_of(n: int) -> str:
    return f"item {n}"


with workflow("unkeyed") as unkeyed:
    begin >> works.map(slow_numbers, name="group") >> end

with workflow("reordered") as reordered:
    begin >> works.map(shuffled, key=name_of, name="group") >> end

with workflow("listed") as listed:
    begin >> works.map(list(range(SIZE)), name="group") >> end

with workflow("chunked") as chunked:
    begin >> works.map(range(SIZE), name="group").with_execution(chunk_size=4, max_concurrent=2) >> end

with workflow("best_effort") as best_effort:
    begin >> breaks.map(numbers, name="group").with_execution(policy="best_effort") >> end

with workflow("retried") as retried:
    begin >> flaky.map(range(SIZE), name="group") >> end

with workflow("failing") as failing:
    begin >> breaks.map(range(SIZE), key=name_of, name="group") >> end


@task
def discover() -> list[dict[str, int]]:
    return [{"n": n} for n in range(SIZE)]


@task
def takes(item: dict[str, int]) -> int:
    item["n"] += 1  # must not be seen by a later attempt
    return item["n"]


with workflow("over_a_result") as over_a_result:
    discover >> takes.map(discover, name="group") >> end

with workflow("keyed_result") as keyed_result:
    discover >> takes.map(discover, key=lambda item: item["n"], name="group") >> end


@task
def adds_one(n: int) -> int:
    return n + 1


with workflow("map_of_a_map") as map_of_a_map:
    first = works.map(numbers, name="first")
    begin >> first >> adds_one.map(first, name="group") >> end


@task
def schedules(context: TaskExecutionContext) -> str:
    context.get_channel().append("scheduled", "list")
    context.next_task(works.map(list(range(SIZE)), name="listed"))
    context.next_task(works.map(iter(range(20)), key=name_of, name="group") >> end)
    return "scheduled"


with workflow("scheduled") as scheduled:
    begin >> schedules


@task
def schedules_more(context: TaskExecutionContext, n: int) -> int:
    if n % 5 == 0:
        context.next_task(works(n=n))
    return n


with workflow("members_schedule") as members_schedule:
    begin >> schedules_more.map(range(SIZE), name="group") >> end


class TriesAgain:
    """Judges a map; lets members that failed run once more."""

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        for name in results.failed:
            if results[name].attempts < 2:
                context.next_task(name)


@task
def second_time(context: TaskExecutionContext, n: int) -> int:
    if n % 4 == 0 and context.attempt == 1:
        raise ValueError("not yet")
    return n


with workflow("policy_retries") as policy_retries:
    begin >> second_time.map(range(20), name="group").with_execution(policy=TriesAgain()) >> end


# Items from a folder.


def from_folder() -> Iterator[Any]:
    folder = Path(os.environ["DURABLE_MAP_FOLDER"])
    for item in json.loads((folder / "items.json").read_text()):
        mark = folder / f"die at {item}"
        if mark.exists():
            mark.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        yield item


with workflow("from_a_folder") as from_a_folder:
    begin >> works.map(from_folder, name="group") >> end

with workflow("keyed_from_a_folder") as keyed_from_a_folder:
    begin >> works.map(from_folder, key=str, name="group") >> end
