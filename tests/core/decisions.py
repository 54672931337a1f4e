"""Small definitions, and what a frontier offers for them."""

from __future__ import annotations

from typing import Any

from durable.core.decide import decide
from durable.core.graph import Definition, GroupSpec
from tests.core.machine import Machine, tasks


def diamond() -> Definition:
    return Definition("w", None, tasks("a", "b", "c", "d"), (), (("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")))


def group(limit: int | None = None, **settings: Any) -> Definition:
    members = tuple((name,) for name in "abc")
    spec = GroupSpec("g", members, limit=limit, **settings)
    return Definition("w", None, tasks("a", "b", "c", "after"), (spec,), (("g", "after"),))


def decided(machine: Machine) -> list[str]:
    assert machine.frontier is not None
    return machine.names(decide(machine.frontier, machine.now).start)


def opened(definition: Definition, **options: Any) -> Machine:
    machine = Machine(definition, **options)
    assert machine.frontier is not None
    assert machine.names(decide(machine.frontier, machine.now).open) == ["g"]
    machine.emit("GroupStarted", "g")
    return machine
