"""Which part of a workflow runs: what is linked in it, with the edges that callbacks and maps mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from durable.definition.blueprint import Blueprint
from durable.definition.expressions import ParallelGroup
from durable.definition.maps import MapGroup
from durable.definition.task import Task
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from durable.definition.expressions import Node

_Edges = list[tuple["Node", "Node"]]


def linked_part(workflow: Blueprint, start: str | None = None) -> tuple[list[Task[Any]], list[ParallelGroup], _Edges]:
    """Return the tasks, groups and edges of a workflow that run, in definition order.

    Args:
        workflow: the workflow as it is written.
        start: the id of the task or group to start from, with what follows it; None for all that is linked.

    Raises:
        DefinitionError: nothing is linked, or there is no such start.
    """
    linked = dict(workflow.linked)
    if not linked:
        if len(workflow.defined) != 1:
            names = ", ".join(repr(task.task_id) for task in workflow.defined)
            raise DefinitionError(
                f"nothing in the workflow {workflow.name!r} is linked" + (f"; it has {names}" if names else ""),
                hint="Link tasks with >> or |, or add one with wf.add(task)",
            )
        linked = dict.fromkeys(workflow.defined)
    edges = _with_callbacks(linked, _with_sources(linked, workflow.edges))
    if start is not None:
        kept = _reachable(workflow, linked, edges, start)
        linked = {node: None for node in linked if node in kept}
        edges = [(before, after) for before, after in edges if before in kept and after in kept]
    tasks = [task for task in workflow.defined if task in linked]
    return tasks, [node for node in linked if isinstance(node, ParallelGroup)], edges


def _with_sources(
    linked: Mapping[Node, None], edges: Mapping[tuple[Node, Node], None]
) -> Mapping[tuple[Node, Node], None]:
    """Add the edges from what maps go over to the maps."""
    found = dict(edges)
    for group in linked:
        if isinstance(group, MapGroup) and group.source is not None and group.source in linked:
            found.setdefault((group.source, group))
    return found


def _with_callbacks(linked: Mapping[Node, None], edges: Mapping[tuple[Node, Node], None]) -> _Edges:
    """Add the edges that callbacks mean: after their group, before what follows it."""
    found = dict(edges)
    for group in linked:
        if isinstance(group, ParallelGroup) and group.callback is not None:
            found.update({(group.callback, after): None for before, after in edges if before is group})
            found[(group, group.callback)] = None
    return list(found)


def _reachable(workflow: Blueprint, linked: Mapping[Node, None], edges: _Edges, start: str) -> set[Node]:
    inside = {
        node: group for group in linked if isinstance(group, ParallelGroup) for line in group.members for node in line
    }
    found = [node for node in linked if node.task_id == start]
    if not found:
        raise DefinitionError(
            f"start={start!r}: the workflow {workflow.name!r} has no such task or group",
            hint=f"It has: {', '.join(node.task_id for node in list(linked)[:20])}",
        )
    if found[0] in inside:
        raise DefinitionError(
            f"start={start!r} stands inside the group {inside[found[0]].task_id!r}", hint="Start from the group"
        )
    kept: set[Node] = set()
    while found:
        node = found.pop()
        if node in kept:
            continue
        kept.add(node)
        found += [after for before, after in edges if before is node]
        if isinstance(node, ParallelGroup):
            found += [inner for line in node.members for inner in line]
    return kept
