"""Tasks that maps are made of, for the tests of maps, and which items they have worked on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from durable import (
    Workflow,
    task,
    workflow,
)

RAN: Counter[Any] = Counter()
BROKEN: set[Any] = set()


@task
def square(n: int) -> int:
    RAN[n] += 1
    if n in BROKEN:
        raise ValueError(f"{n} is broken")
    return n * n


@task
def middle() -> None:
    RAN["middle"] += 1


@task
def total(square: Any) -> int:
    return sum(square.values())


def mapped(items: Any, store: Any = None, key: Any = None, **settings: Any) -> Workflow:
    """A workflow of one map of ``square``, and a task after it."""
    with workflow("w", store=store) as wf:
        square.map(items, key).with_execution(**settings) >> total
    return wf


def squares(*numbers: int) -> dict[str, int]:
    return {str(place): n * n for place, n in enumerate(numbers)}


def alone(items: Any, store: Any = None, key: Any = None, **settings: Any) -> Workflow:
    """A workflow of one map of ``square``."""
    with workflow("w", store=store) as wf:
        square.map(items, key).with_execution(**settings)
    return wf


def single_map(body: Any, items: Any, store: Any, **settings: Any) -> Workflow:
    """A workflow of one map of any task."""
    with workflow("w", store=store) as wf:
        body.map(items).with_execution(**settings)
    return wf


def numbers(size: int) -> Iterator[int]:
    return iter(range(size))


SUM = sum(n * n for n in range(100))


def in_the_middle(run: Any, batches: int = 2) -> int:
    """The place in a log behind so many batches of members."""
    return [event.seq for event in run.events() if event.type == "MembersAdded"][batches - 1]
