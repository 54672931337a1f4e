"""Maps: over lists, functions and results, with keys and by position, with failures, budgets and kills."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

from durable import MapValues, MaxFailuresPolicy, Workflow, parallel, task, workflow

ABOUT = "Maps: with keys and by position, over a list, a function, a result and another map; failures, a budget, a kill"
bodies: list[str] = []
mended = False


def documents() -> Iterator[dict[str, Any]]:
    for number in range(8):
        yield {"name": f"doc{number}", "words": number % 3}


@task
def count(document: dict[str, Any]) -> int:
    bodies.append(document["name"])
    if document["name"] == "doc5" and not mended:
        raise LookupError("doc5 is not there")
    return document["words"]


@task
def total(words: MapValues) -> int:
    bodies.append("total")
    return sum(number for _, number in words.iter())


def by_name(document: dict[str, Any]) -> str:
    return document["name"]


def _counted(name: str, policy: Any, keyed: bool) -> Workflow:
    with workflow(name) as made:
        words = count.map(documents, key=by_name if keyed else None, name="words")
        words.with_execution(policy=policy, max_concurrent=1) >> total
    return made


keyed = _counted("keyed", "best_effort", True)
positions = _counted("positions", "best_effort", False)
strict = _counted("strict", "strict", True)
budget = _counted("budget", MaxFailuresPolicy(max_failures=0), False)


@task
def discover(upto: int) -> list[int]:
    bodies.append("discover")
    return list(range(upto))


@task
def square(number: int) -> int:
    bodies.append(f"square {number}")
    if number == 3 and not mended:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@task
def half(number: int) -> tuple[int, float]:
    bodies.append(f"half {number}")
    return number, number / 2


with workflow("found") as found:
    squares = square.map(discover, name="squares").with_execution(max_concurrent=1, chunk_size=2)
    half.map(squares, name="halves")

with workflow("pairs") as pairs:
    sizes = half.map([(1, 2), (3,), ()], name="sizes")  # tuples: items that are pickled
    lists = task(id="length")(lambda item: len(item)).map([[1], [2, 3]], name="lengths")
    wide = parallel(sizes, lists, name="wide")
    pairs.add(wide.with_execution(policy="best_effort"))


def _start(flow: Workflow, run_id: str, **initial: Any) -> Any:
    return lambda store: flow.start(run_id=run_id, store=store, initial=initial or None)


RUNS = {
    "keyed": _start(keyed, "keyed"),
    "positions": _start(positions, "positions"),
    "failed": _start(strict, "failed"),
    "budget": _start(budget, "budget"),
    "killed": _start(found, "killed", upto=5),
    "over-a-result": _start(found, "over-a-result", upto=2),
    "nothing-found": _start(found, "nothing-found", upto=0),
    "in-a-group": _start(pairs, "in-a-group"),
}
SENDS: dict[str, list[tuple[object, ...]]] = {}
