"""Scheduling: from what an attempt schedules to the fragment that the log records; ``fragments.py`` leads back.

Ids are ``<scheduler>/<id>``, repeats ``#2`` and on, in the order in which they are scheduled, so that they
are the same whatever finishes first. Live code is found by name; only a task that has no name anywhere
is recorded with its code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from durable.core.policies import is_built_in
from durable.core.specs import Fragment, MapSpec, Recipe, Stored, Window
from durable.definition.blueprint import Blueprint
from durable.definition.checks import MAX_ID
from durable.definition.item_windows import inline, key_of, refuse_twice, windows
from durable.definition.linked import linked_part
from durable.definition.maps import MapGroup
from durable.definition.specs import group_spec, map_spec, task_spec
from durable.definition.task import Task
from durable.errors import DefinitionError, PayloadError
from durable.values.payloads import Payload, decode, encode

if TYPE_CHECKING:
    from durable.definition.expressions import Linkable, Node, ParallelGroup

_LONGEST = 120
"""Characters of a scheduler's id that ids of what it schedules begin with; of a longer one a digest is taken."""

_to_json = msgspec.json.Encoder().encode


class Scheduling:
    """What one attempt has scheduled so far.

    Args:
        scheduler: id of the task or of its iteration.
        is_used: whether an id is taken in the run.

    Attributes:
        jumps: tasks and groups of the definition that are gone to.
        open: what was scheduled and no finished iteration of a loop has carried yet.
    """

    def __init__(self, scheduler: str, is_used: Callable[[str], bool]) -> None:
        self._prefix = _prefix(scheduler)
        self._is_used = is_used
        self._given: set[str] = set()
        self._parts: list[Fragment] = []
        self._keys: dict[int, str] = {}
        self.open: list[Fragment] = []
        self.jumps: dict[str, None] = {}

    def add(self, item: Linkable) -> list[str]:
        """Take in a task, a group or a chain, and return the ids of its tasks and groups.

        Raises:
            DefinitionError: something that cannot stand in a graph, or a group with an executor of its own.
            PayloadError: bound arguments, or code without a name, that cannot be recorded.
        """
        blueprint = getattr(item, "blueprint", None) or Blueprint("scheduled").add(item)
        tasks, groups, edges = linked_part(blueprint)
        for group in groups:
            _check_executor(group)
        nodes: list[Node] = [*tasks, *groups]
        short = {node: self._short(node.task_id) for node in nodes}
        ids = {node: _id(self._prefix + name) for node, name in short.items()}
        maps = [group for group in groups if isinstance(group, MapGroup)]
        templates: dict[str, Stored] = {}
        by_value: list[str] = []
        keys = {task: self._template(task, templates, by_value) for task in tasks}
        for group in groups:
            if group not in maps:
                group.policy.check(ids[group], [short[line[-1]] for line in group.lines()])
        map_specs: dict[Node, MapSpec] = {group: self._map(group, ids) for group in maps}
        part = Fragment(
            tuple(short.values()),
            tuple(task_spec(task, name=ids[task]) for task in tasks),
            tuple(group_spec(group, ids[group], ids.__getitem__, map_specs.get(group)) for group in groups),
            tuple((ids[before], ids[after]) for before, after in edges),
            tuple(_recipe(task, keys[task]) for task in tasks),
            templates,
            tuple(by_value),
            {ids[group]: _stored(group.policy) for group in groups if not is_built_in(group.policy.describe())},
            (),
            {ids[group]: _recipe(group.task, self._template(group.task, templates, by_value)) for group in maps},
            {ids[group]: list(_windows(group, ids[group])) for group in maps if group.source is None},
        )
        self._parts.append(part)
        self.open.append(part)
        return list(ids.values())

    def _map(self, group: MapGroup, ids: Mapping[Node, str]) -> MapSpec:
        """What is recorded of a map: it goes over items in memory, or the result of something that the run has."""
        source = ""
        if group.source is not None:
            own = group.source.task_id
            if group.source not in ids and not self._is_used(own):
                raise DefinitionError(
                    f"the map {group.task_id!r} iterates over the result of {own!r}, which the run does not have",
                    hint="Map over a task of the workflow, or schedule both: other >> task.map(other)",
                )
            source = ids.get(group.source, own)
        names = {node.task_id for node in ids}
        return map_spec(group, "", source, lambda name: name in names or self._is_used(name))

    def part(self, begun: int) -> Fragment | None:
        """Return what was scheduled since ``open`` had that many parts, and take it out of ``open``."""
        parts = self.open[begun:]
        del self.open[begun:]
        return _whole(parts, ()) if parts else None

    def restore(self, fragment: Fragment) -> None:
        """Take in what an earlier attempt scheduled in an iteration that it finished."""
        self._parts.append(fragment)
        self.reserve(fragment.ids)

    def reserve(self, ids: Iterable[str]) -> None:
        """Take note of ids that an earlier attempt has given."""
        self._given.update(ids)

    def fragment(self) -> Fragment | None:
        """Return everything that was scheduled, as one; None when there is nothing."""
        return _whole(self._parts, tuple(self.jumps)) if self._parts or self.jumps else None

    def _template(self, task: Task[Any], templates: dict[str, Stored], by_value: list[str]) -> str:
        """Keep what the task is an instance of, under its id or, if other code has that too, another key."""
        key = self._keys.get(id(task.fn))
        if key is None:
            key = task.template
            while key in self._keys.values():
                key += "'"
            self._keys[id(task.fn)] = key
        if key not in templates:
            bare = task.instance(task.template, {})
            templates[key] = _stored(bare)
            if len(bare.__reduce__()[1]) == 5:
                by_value.append(key)
        return key

    def _short(self, name: str) -> str:
        found, number = name, 1
        while _id(self._prefix + found) in self._given or self._is_used(_id(self._prefix + found)):
            number += 1
            found = f"{name}#{number}"
        self._given.add(_id(self._prefix + found))
        return found


def _whole(parts: Sequence[Fragment], jumps: tuple[str, ...]) -> Fragment:
    names = [name for part in parts for name in part.names[: len(part.tasks)]]
    names += [name for part in parts for name in part.names[len(part.tasks) :]]
    return Fragment(
        tuple(names),
        tuple(spec for part in parts for spec in part.tasks),
        tuple(group for part in parts for group in part.groups),
        tuple(edge for part in parts for edge in part.edges),
        tuple(recipe for part in parts for recipe in part.recipes),
        {name: stored for part in parts for name, stored in part.templates.items()},
        tuple(name for part in parts for name in part.by_value),
        {name: stored for part in parts for name, stored in part.policies.items()},
        jumps,
        {name: recipe for part in parts for name, recipe in part.maps.items()},
        {name: windows for part in parts for name, windows in part.windows.items()},
    )


def _windows(group: MapGroup, name: str) -> Iterator[Window]:
    """Yield the items of a map that an attempt schedules: all of them, as nobody could read them again."""
    make = inline(name)
    if group.key is None:
        return windows(group.open(), 0, make)
    return windows(_pairs(group, name), 0, make, keyed=True)


def _pairs(group: MapGroup, name: str) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    assert group.key is not None
    for place, item in enumerate(group.open()):
        key = key_of(group.key(item), place, name)
        if key in seen:
            raise refuse_twice(key, seen[key], place, name)
        seen[key] = place
        yield key, item


def encode_bound(task: Task[Any], bound: Mapping[str, Any]) -> Payload | None:
    """Return bound arguments as a payload. Raises ``PayloadError``, naming the task."""
    try:
        return encode(dict(bound))
    except PayloadError as error:
        error.task_id = task.task_id
        raise


def _check_executor(group: ParallelGroup) -> None:
    """Refuse an executor of the group's own: after a crash nobody could say how it is made."""
    if group.factory is not None:
        raise DefinitionError(
            f"the group {group.task_id!r} is scheduled by a body, and has an executor of its own, which "
            "is not recorded",
            hint="Use backend=CoordinationBackend.PROCESS, or define the group with the workflow",
        )


def _prefix(scheduler: str) -> str:
    if len(scheduler) > _LONGEST:
        return f"{scheduler[: _LONGEST // 2]}…{sha256(scheduler.encode()).hexdigest()[:12]}/"
    return f"{scheduler}/"


def _id(name: str) -> str:
    """The id itself; of one that is longer than an id may be, its begin and a digest."""
    if len(name) <= MAX_ID:
        return name
    return f"{name[: MAX_ID - 20]}…{sha256(name.encode()).hexdigest()[:12]}"


def _stored(value: object) -> Stored:
    payload = encode(value)
    assert payload is not None
    return payload.encoding, payload.data


def _recipe(task: Task[Any], key: str) -> Recipe:
    payload = encode_bound(task, task.bound) if task.bound else None
    if payload is None:
        return Recipe(key)
    if payload.encoding == "json":
        return Recipe(key, decode("json", payload.data))
    return Recipe(key, None, (payload.encoding, payload.data))
