"""Compile: a workflow as written -> the plain definition, and the live code that goes with it.

A compilation is a snapshot: what is linked afterwards does not change it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from durable.core.graph import Graph
from durable.core.pausing import collections_paused
from durable.core.policies import GroupExecutionPolicy
from durable.core.specs import Definition, GroupSpec, TaskSpec
from durable.definition.groups import ParallelGroup
from durable.definition.recipes import MissingPolicy, scheduled_policy, scheduled_task
from durable.definition.specs import group_spec, task_spec
from durable.definition.task import Task
from durable.errors import DefinitionError, PayloadError, UnresolvedParameter
from durable.payloads import Payload, encode

if TYPE_CHECKING:
    from durable.definition.blueprint import Blueprint
    from durable.definition.expressions import Node


class Compiled:
    """A workflow, ready to run.

    Attributes:
        definition: what the log records.
        graph: the same, indexed.
        tasks: live tasks by id.
        policies: live policies by group id.
        groups: live groups by id.
        upstream: for each task, its parameters that are results of upstream nodes: name -> node.
        bound: encoded bound arguments of the tasks that have mutable ones: each attempt gets its own copy.
        templates: tasks that scheduled instances may be made of, by id.
        chords: of each callback, its group and the parameters that may get its value, by the callback's id.
        unstorable: tasks whose bound arguments cannot be stored, with the error.
        file: the file that defines the workflow.
    """

    def __init__(self, workflow: Blueprint, start: str | None = None) -> None:
        self.file = workflow.file
        self.tasks: dict[str, Task[Any]] = {}
        self.groups: dict[str, ParallelGroup] = {}
        self.policies: dict[str, GroupExecutionPolicy] = {}
        self.bound: dict[str, Payload] = {}
        self.unstorable: dict[str, PayloadError] = {}
        self.templates = {task.task_id: task for task in workflow.defined}
        self.chords: dict[str, tuple[int, list[str]]] = {}
        with collections_paused():
            tasks, groups, edges = taken(workflow, start)
            self.definition = Definition(
                workflow.name,
                workflow.version,
                tuple(self._task(task) for task in tasks),
                tuple(self._group(group) for group in groups),
                tuple((before.task_id, after.task_id) for before, after in edges),
            )
            self.graph = Graph(self.definition)
            for group in groups:
                group.policy.check(group.task_id, self.graph.member_ids(self.graph.index[group.task_id]))
            self.upstream = {task.task_id: self._upstream(task, node) for node, task in enumerate(tasks)}

    def check_parameters(self, initial: Collection[str]) -> None:
        """Refuse a root, or a member that a group starts with, whose parameter nothing can give.

        Args:
            initial: the channel's first keys.

        Raises:
            UnresolvedParameter: naming the task and the parameter.
        """
        for name, task in self.tasks.items():
            if self.graph.follows_something(self.graph.index[name]):
                continue
            signature = task.signature
            given = {*task.bound, *initial, *signature.optional, *self.upstream[name]}
            missing = [parameter for parameter in signature.names if parameter not in given]
            if missing:
                raise UnresolvedParameter(
                    f"nothing gives {name!r} its parameter {missing[0]!r}",
                    task_id=name,
                    hint="Annotate it for the context: TaskExecutionContext"
                    if missing[0] in _CONTEXT_NAMES
                    else f"Bind it ({name}({missing[0]}=...)), give it a default, link it after a task of that name, "
                    f"or give it as input: initial={{{missing[0]!r}: ...}}, durable run FILE --input {missing[0]}=...",
                )

    def members(self, graph: Graph, group: int) -> tuple[list[Any], Callable[[Any], Any] | None]:
        """Return the tasks that a group's policy sees, and what chooses the group's successors."""
        name = graph.ids[group]
        live = self.groups.get(name)
        if live is not None:
            return [line[-1] for line in live.lines()], live.route
        if name not in self.policies:
            self.adopt(graph, group)
        template = self.groups.get(graph.name(group))  # the group of a class definition that this is another round of
        route = template.route if template is not None else None
        return [self._member(graph, line[-1]) for line in graph.members[group]], route

    def _adopt_missing(self, graph: Graph, node: int, error: Exception) -> None:
        name = graph.ids[node]
        if graph.is_group(node):
            self.policies[name] = MissingPolicy(error)
            return

        def gone() -> None:
            raise error

        self.tasks[name] = Task(gone, "gone").instance(name, {})
        self.upstream[name] = {}

    def _member(self, graph: Graph, node: int) -> Any:
        name = graph.ids[node]
        if graph.is_group(node):
            return graph.name(node)
        if name not in self.tasks:
            self.adopt(graph, node)
        return self.tasks[name].instance(graph.name(node), self.tasks[name].bound)

    def rewire(self, graph: Graph, node: int) -> None:
        """Resolve a task's parameters anew: a jump leads to it, or to what it follows."""
        name = graph.ids[node]
        self.graph = graph
        self.upstream[name] = self._upstream(self.tasks[name], node)

    def adopt(self, graph: Graph, node: int) -> None:
        """Make live code of a node that was scheduled: its task, or its group's policy.

        Where its code cannot be found, the task or the group fails when it comes to it, and can be resumed.
        """
        name = graph.ids[node]
        self.graph = graph
        try:
            if graph.is_group(node):
                self.policies[name] = scheduled_policy(graph, node)
                return
            task, bound = scheduled_task(graph, node, self.templates)
        except Exception as error:
            self._adopt_missing(graph, node, error)
            return
        self.tasks[name] = task
        self.upstream[name] = self._upstream(task, node)
        if bound is not None:
            self.bound[name] = bound

    def _task(self, task: Task[Any]) -> TaskSpec:
        self.tasks[task.task_id] = task
        return task_spec(task, self._digest(task) if task.bound else "")

    def _digest(self, task: Task[Any]) -> str:
        try:
            payload = encode(dict(task.bound))
        except PayloadError as error:
            self.unstorable[task.task_id] = error
            return ""
        if payload is not None and any(type(value) not in _IMMUTABLE for value in task.bound.values()):
            self.bound[task.task_id] = payload
        if payload is None or not payload.encoding.startswith("json"):
            return ""
        return sha256(msgspec.json.encode(task.bound, order="sorted")).hexdigest()[:12]

    def _group(self, group: ParallelGroup) -> GroupSpec:
        if not group.members:
            raise DefinitionError(f"the group {group.name or ''!r} is empty", hint="Give it at least one member")
        name = group.task_id
        self.groups[name] = group
        self.policies[name] = group.policy
        return group_spec(group, name, lambda node: node.task_id)

    def _upstream(self, task: Task[Any], node: int) -> dict[str, int]:
        """The parameters that are results of what the task follows; a callback's others may be its group's."""
        signature, graph = task.signature, self.graph
        if not signature.names:
            return _NOTHING
        found: dict[str, int] = {}
        for name in signature.names:
            source = graph.find(name, node)
            if source is not None and name not in task.bound and graph.is_upstream(source, node):
                found[name] = source
        name = graph.ids[node]
        for group in graph.before[node]:
            if graph.is_group(group) and graph.group(group).callback == name:
                free = [one for one in signature.names if one not in found and one not in task.bound]
                free.sort(key=signature.optional.__contains__)  # what has no default needs it more
                self.chords.setdefault(name, (group, free))
        return found


_CONTEXT_NAMES = ("ctx", "context")

_NOTHING: dict[str, int] = {}

_IMMUTABLE = frozenset({type(None), bool, int, float, str, bytes})

_Edges = list[tuple["Node", "Node"]]


def taken(workflow: Blueprint, start: str | None) -> tuple[list[Task[Any]], list[ParallelGroup], _Edges]:
    """The linked part of a workflow, or what follows ``start`` in it, in definition order."""
    linked = dict(workflow.linked)
    if not linked:
        if len(workflow.defined) != 1:
            names = ", ".join(repr(task.task_id) for task in workflow.defined)
            raise DefinitionError(
                f"nothing in the workflow {workflow.name!r} is linked" + (f"; it has {names}" if names else ""),
                hint="Link tasks with >> or |, or add one with wf.add(task)",
            )
        linked = dict.fromkeys(workflow.defined)
    edges = _with_callbacks(linked, workflow.edges)
    if start is not None:
        kept = _reachable(workflow, linked, edges, start)
        linked = {node: None for node in linked if node in kept}
        edges = [(before, after) for before, after in edges if before in kept and after in kept]
    tasks = [task for task in workflow.defined if task in linked]
    return tasks, [node for node in linked if isinstance(node, ParallelGroup)], edges


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
