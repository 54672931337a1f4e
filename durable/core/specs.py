"""What the log records of tasks and groups: plain data, without functions, policies' code or clocks.

A ``Definition`` is a whole workflow, recorded when a run begins; a ``Fragment`` is what an attempt
scheduled while it ran. ``Graph`` (graph.py) is made of one of the former and any number of the latter.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

INTERRUPTION_LIMIT = 25
"""Attempts that may be interrupted when a task declares no ``max_attempts`` of its own."""


class TaskSpec(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the log records of a task's definition.

    Attributes:
        id: stable id, unique among tasks and groups.
        fingerprint: of the function's code, or of its declared version.
        source: ``file:qualified name`` of the function.
        args: digest of the bound arguments; "" when there are none or they have no stable bytes.
        timeout: seconds an attempt may take; None for no limit.
        max_attempts: as declared by a retry policy; None when not declared.
        deadline: seconds, by the wall clock, from its first start to its end; None for no limit.
        max_cycles: iterations that it may make; None for no limit.
        coroutine: whether its body is a coroutine.
    """

    id: str
    fingerprint: str = ""
    source: str = ""
    args: str = ""
    timeout: float | None = None
    max_attempts: int | None = None
    deadline: float | None = None
    max_cycles: int | None = None
    coroutine: bool = False


class MapSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the log records of a group whose members are made of items.

    Attributes:
        task: the task that each member is an instance of.
        parameter: the one that an item is bound to.
        source: id of the task or group whose result the items are; "" for items that the code gives.
        keyed: whether members have keys; else they are identified by position.
    """

    task: TaskSpec
    parameter: str
    source: str = ""
    keyed: bool = False


class GroupSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the log records of a group's definition.

    Attributes:
        id: stable id, unique among tasks and groups.
        members: each member's node ids, first to last; none for a map, whose members are recorded as they come.
        policy: the policy's description, e.g. ``{"type": "at_least_n", "min_success": 2}``.
        limit: how many of its tasks may run at once; None for the engine's default.
        backend: where its tasks run: "direct" on the driver, one after another, "threading", "asyncio", "process", or
            "executor" for one of the caller's own, which is live code and not recorded.
        timeout: seconds from the group's start to its last result; None for no limit.
        fail_fast: judge as soon as failure is certain.
        decide_early: judge as soon as either outcome is certain.
        callback: id of the task that runs once after the verdict; None without one.
        map: how its members are made of items; None for a group of given members.
        rate: how many of its tasks may start in a second; None for no limit.
        chunk: how many of its tasks are handed over to its backend at once.
    """

    id: str
    members: tuple[tuple[str, ...], ...]
    policy: Any = "strict"
    limit: int | None = None
    backend: str = "threading"
    timeout: float | None = None
    fail_fast: bool = False
    decide_early: bool = False
    callback: str | None = None
    map: MapSpec | None = None
    rate: float | None = None
    chunk: int = 1


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A workflow as a run records it, in definition order."""

    workflow: str
    version: str | None = None
    tasks: tuple[TaskSpec, ...] = ()
    groups: tuple[GroupSpec, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()


Stored: TypeAlias = tuple[str, bytes]
"""A payload inside of a payload: its encoding and its bytes."""


class Recipe(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """How a scheduled task is made again from live code.

    Attributes:
        template: id of the task that it is an instance of; a key of the fragment's ``templates``.
        json: bound arguments by name, when JSON holds them exactly.
        bound: bound arguments that JSON cannot hold.
    """

    template: str
    json: dict[str, Any] | None = None
    bound: Stored | None = None


class Window(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """Items of a map that were read together, as a MembersAdded event records them.

    Attributes:
        count: how many.
        last: whether there are no more.
        keys: their names, if they have keys.
        digest: of the items.
        items: the items as one list; None when there are none, or when another event has them.
        sources: the events whose values the items are, if each has one of its own.
        expected: how many items there are in all, if that is known when the first of them are read.
    """

    count: int
    last: bool = False
    keys: list[str] | None = None
    digest: str = ""
    items: Stored | None = None
    sources: list[int] | None = None
    expected: int | None = None


class Fragment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one attempt scheduled, in the order in which it was scheduled.

    Attributes:
        names: short ids, tasks first, then groups; the ids in the specs begin with the scheduler's.
        tasks, groups, edges: as in a definition.
        recipes: one for each task.
        templates: the task that instances are made of, by its id; by reference where it can be imported.
        by_value: templates that cannot be imported and are recorded with their code.
        policies: policies that their description does not suffice for, by group id.
        jumps: tasks and groups of the definition that follow the scheduler now.
        maps: how the tasks of maps are made, by the map's id; windows: the items of maps that were given some, on
            their way to events of their own.
    """

    names: tuple[str, ...] = ()
    tasks: tuple[TaskSpec, ...] = ()
    groups: tuple[GroupSpec, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    recipes: tuple[Recipe, ...] = ()
    templates: dict[str, Stored] = {}
    by_value: tuple[str, ...] = ()
    policies: dict[str, Stored] = {}
    jumps: tuple[str, ...] = ()
    maps: dict[str, Recipe] = {}
    windows: dict[str, list[Window]] = {}

    @property
    def ids(self) -> list[str]:
        """The ids of its tasks and groups."""
        return [spec.id for spec in self.tasks] + [spec.id for spec in self.groups]
