"""Values of every encoding: as input, as results, in the channel, as items and as steps."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from durable import Store, TaskExecutionContext, Workflow, task, workflow

ABOUT = (
    "Values of every encoding, as results, channel values, metadata, items, steps, states, signals and results of runs"
)
bodies: list[str] = []
mended = False


class Colour(Enum):
    RED = "red"
    BLUE = (0, 0, 255)


class Level(IntEnum):
    LOW = 1


class Kind(StrEnum):
    TEXT = "text"


@dataclass
class Point:
    x: float
    y: float = 0.0
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    point: Point
    colour: Colour


Pair = namedtuple("Pair", "left right")


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


class ProgramError(ValueError):
    """An exception of the program, as a value."""


def _values() -> dict[str, Any]:
    zone = timezone(timedelta(hours=2), "summer")
    return {
        "none": None,
        "bool": True,
        "int": 2**63 - 1,
        "float": 0.1,
        "text": "naïve ☃ 𝄞",
        "empty": {"list": [], "dict": {}, "text": ""},
        "json": {"rows": [1, 2.5, None, True, "x"], "deep": [[[[[[0]]]]]]},
        "json-zstd": ["the same words again"] * 100,
        "json-large": [str(n * 7919 % 10007) for n in range(1500)],
        "json-shared": "blob " * 300,
        "big-int": 2**63,
        "nan": math.nan,
        "infinities": [math.inf, -math.inf, -0.0],
        "tuple": (1, (2, "three")),
        "set": {1, 2, 3},
        "frozenset": frozenset("ab"),
        "bytes": bytes(range(8)),
        "bytearray": bytearray(b"abc"),
        "complex": 1 + 2j,
        "int-keys": {1: "one", None: "none", (1, 2): "pair"},
        "surrogate": "\udc80",
        "aware": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=zone),
        "utc": datetime(2026, 1, 2, tzinfo=UTC),
        "naive": datetime(2026, 1, 2),
        "date": date(2026, 1, 2),
        "delta": timedelta(days=1, microseconds=5),
        "decimal": Decimal("1.10"),
        "fraction": Fraction(1, 3),
        "uuid": UUID(int=7),
        "path": PurePosixPath("/data/x"),
        "enums": [Colour.RED, Colour.BLUE, Level.LOW, Kind.TEXT],
        "dataclass": Point(1.5, names=["p"]),
        "frozen": Frozen(Point(0.0), Colour.BLUE),
        "namedtuple": Pair(1, [2]),
        "object": Plain({"a": (1,)}),
        "class": Point,
        "function": _values,
        "exception": ProgramError("as a value", 3),
        "range": range(3),
        "containers": [OrderedDict(a=1), defaultdict(list, {"b": [2]}), deque([3], maxlen=4), Counter("aab")],
        "pickle-zstd": tuple(["the same words again"] * 100),
        "pickle-shared": tuple(n * 7919 % 10007 for n in range(900)),
    }


@task
def value(name: str) -> Any:
    bodies.append(name)
    return _values()[name]


@task
def again(name: str) -> Any:
    """Returns what another task returns as well: large bytes are kept once, beside the events."""
    bodies.append(f"again {name}")
    return _values()[name]


@task
def everywhere(ctx: TaskExecutionContext) -> Any:
    """Puts values to each place that holds some."""
    bodies.append("everywhere")
    channel = ctx.get_channel()
    for name, one in _values().items():
        channel.set(name, one)
    channel.append("list", (1, 2))
    channel.prepend("list", {3})
    channel.atomic_add("number", 1.5)
    ctx.metadata["point"] = Point(2.0)
    ctx.metadata["plain"] = [1]
    ctx.checkpoint({"state": Point(3.0)})
    points = [ctx.step(Point, 4.0), ctx.step(_values)["nan"]]
    ctx.next_task(item.map([Point(5.0), (6,), 7], name="items"))
    ctx.next_task(item(task_id="bound", one=Point(8.0)))
    return points


@task
def item(one: Any) -> Any:
    bodies.append("item")
    return [one]


@task
def hold(ctx: TaskExecutionContext, everywhere: Any) -> Any:
    bodies.append("hold")
    return [everywhere, ctx.wait_for_signal("value"), ctx.wait_for_signal("other")]


with workflow("values") as values:
    tasks = [value(task_id=name, name=name) for name in _values()]
    before: Any = tasks[0]
    for one in [*tasks[1:], *(again(task_id=f"{n}-2", name=n) for n in ("json-shared", "pickle-shared", "json-large"))]:
        before >> one
        before = one

with workflow("places") as places:
    everywhere >> hold


@task
def shown(input: Any, json: Any) -> list[Any]:
    bodies.append("shown")
    if not mended:
        raise ProgramError("the error's text", Point(1.0))
    return [input, json]


with workflow("input") as inputs:
    inputs.add(shown)


def all_values(store: Store) -> None:
    values.start(run_id="values", store=store)


def all_places(store: Store) -> None:
    run = places.start(run_id="places", store=store, initial={"input": Point(9.0), "json": [1]})
    run.signal("value", (10, Point(11.0)), id="v1")
    run.resume()


def failed(store: Store) -> None:
    inputs.start(run_id="failed", store=store, initial={"input": (Point(9.0), Colour.RED), "json": {"a": 1}})


def ended(store: Store) -> None:
    run = places.start(run_id="terminated", store=store)
    run.terminate({"early": Point(12.0)}, actor="eva")


RUNS: dict[str, Any] = {"values": all_values, "places": all_places, "failed": failed, "terminated": ended}
SENDS: dict[str, list[tuple[object, ...]]] = {"places": [("signal", "other", "sent later")]}
LIVE: list[Workflow] = [values, places, inputs]
