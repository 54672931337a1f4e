"""The live tasks of a map's members: how they are made, and all of them as a sequence that holds none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from durable.core.graph import Graph
from durable.definition.maps import MapGroup
from durable.definition.task import Task


class Mapped(NamedTuple):
    """How a map's members are made: of which task, the parameter that gets the item, and who has the items."""

    task: Task[Any]
    parameter: str
    group: MapGroup | None = None


class MemberTasks(Sequence[Any]):
    """The tasks of a map's members as policies see them, each made when it is asked for.

    Args:
        graph: the run's graph; group: the map; task: what its members are made of.
    """

    def __init__(self, graph: Graph, group: int, task: Task[Any]) -> None:
        self._graph = graph
        self._expansion = graph.expansions.by_group[group]
        self._task = task

    def __len__(self) -> int:
        return self._expansion.count

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        node = self._expansion.node_at(place % len(self))
        return self._task.instance(self._expansion.short_of(node), self._task.bound)

    def named(self, name: str) -> Any:
        """Return the task of the member with this name; None if there is none."""
        return self._task.instance(name, self._task.bound) if self._expansion.find(name) is not None else None
