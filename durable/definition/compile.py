"""Compile: a workflow as written -> the plain definition, and the live code that goes with it.

A compilation is a snapshot: what is linked afterwards does not change it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from durable.core.gc_pause import collections_paused
from durable.core.graph import Graph
from durable.core.policies import GroupExecutionPolicy
from durable.core.specs import Definition, GroupSpec, TaskSpec
from durable.definition.blueprint import Blueprint
from durable.definition.expressions import ParallelGroup
from durable.definition.fragments import MissingPolicy, scheduled_map_task, scheduled_policy, scheduled_task
from durable.definition.linked import linked_part
from durable.definition.maps import MapGroup
from durable.definition.member_tasks import Mapped, MemberTasks
from durable.definition.specs import group_spec, map_spec, task_spec
from durable.definition.task import Task
from durable.errors import DefinitionError, PayloadError, UnresolvedParameter
from durable.values.payloads import Payload, encode

if TYPE_CHECKING:
    pass


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
        mapped: how members of maps are made, by the map's id, which stands for all of them in the tables above.
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
        self.mapped: dict[str, Mapped] = {}
        with collections_paused():
            self._compile(workflow, start)

    def _compile(self, workflow: Blueprint, start: str | None) -> None:
        tasks, groups, edges = linked_part(workflow, start)
        names = {task.task_id for task in tasks} | {group.task_id for group in groups}
        self.definition = Definition(
            workflow.name,
            workflow.version,
            tuple(self._task(task) for task in tasks),
            tuple(self._group(group, names) for group in groups),
            tuple((before.task_id, after.task_id) for before, after in edges),
        )
        self.graph = Graph(self.definition)
        for group in groups:
            if group.task_id not in self.mapped:
                group.policy.check(group.task_id, self.graph.member_ids(self.graph.index[group.task_id]))
        self.upstream = {task.task_id: self._upstream(task, node) for node, task in enumerate(tasks)}
        for name, mapped in self.mapped.items():
            self.upstream[name] = self._upstream(mapped.task, self.graph.index[name])

    def check_parameters(self, initial: Collection[str]) -> None:
        """Refuse a root, or a member that a group starts with, whose parameter nothing can give.

        Args:
            initial: the channel's first keys.

        Raises:
            UnresolvedParameter: naming the task and the parameter.
        """
        checked = [(name, task, "") for name, task in self.tasks.items()]
        checked += [(name, mapped.task, mapped.parameter) for name, mapped in self.mapped.items()]
        for name, task, item in checked:
            signature = task.signature
            if not signature.names or self.graph.follows_something(self.graph.index[name]):
                continue
            given = {*task.bound, *initial, *signature.optional, *self.upstream[name], item}
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

    def members(self, graph: Graph, group: int) -> tuple[Sequence[Any], Callable[[Any], Any] | None]:
        """Return the tasks that a group's policy sees, and what chooses the group's successors."""
        name = graph.ids[group]
        live = self.groups.get(name)
        if group in graph.expansions.by_group:
            return MemberTasks(graph, group, self.mapped_task(graph, group).task), live.route if live else None
        if live is not None:
            return [line[-1] for line in live.lines()], live.route
        if name not in self.policies:
            self.adopt(graph, group)
        template = self.groups.get(graph.name(group))  # the group of a class definition that this is another round of
        route = template.route if template is not None else None
        return [self._member(graph, line[-1]) for line in graph.members[group]], route

    def mapped_task(self, graph: Graph, group: int) -> Mapped:
        """Return how the members of a map are made."""
        name = graph.ids[group]
        found = self.mapped.get(name)
        if found is None:
            self.adopt(graph, group)
            found = self.mapped[name]
        return found

    def _adopt_map(self, graph: Graph, node: int) -> None:
        name, spec = graph.ids[node], graph.group(node).map
        assert spec is not None
        try:
            task, bound = scheduled_map_task(graph, node, self.templates)
        except Exception as error:
            task, bound = _failing(error), None
        self.mapped[name] = Mapped(task, spec.parameter)
        self.upstream[name] = self._upstream(task, node)
        if bound is not None:
            self.bound[name] = bound

    def _adopt_missing(self, graph: Graph, node: int, error: Exception) -> None:
        name = graph.ids[node]
        if graph.is_group(node):
            self.policies[name] = MissingPolicy(error)
            return

        self.tasks[name] = _failing(error).instance(name, {})
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
                if node in graph.expansions.by_group:
                    self._adopt_map(graph, node)
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
        return task_spec(task, self._digest(task, task.task_id) if task.bound else "")

    def _digest(self, task: Task[Any], name: str) -> str:
        """Return the digest of bound arguments; ``name`` is what they are kept under."""
        try:
            payload = encode(dict(task.bound))
        except PayloadError as error:
            self.unstorable[name] = error
            return ""
        if payload is not None and any(type(value) not in _IMMUTABLE for value in task.bound.values()):
            self.bound[name] = payload
        if payload is None or not payload.encoding.startswith("json"):
            return ""
        return sha256(msgspec.json.encode(task.bound, order="sorted")).hexdigest()[:12]

    def _group(self, group: ParallelGroup, names: Collection[str]) -> GroupSpec:
        if isinstance(group, MapGroup):
            return self._map(group, names)
        if not group.members:
            raise DefinitionError(f"the group {group.name or ''!r} is empty", hint="Give it at least one member")
        name = group.task_id
        self.groups[name] = group
        self.policies[name] = group.policy
        return group_spec(group, name, lambda node: node.task_id)

    def _map(self, group: MapGroup, names: Collection[str]) -> GroupSpec:
        name, source = group.task_id, group.source
        if source is not None and source.task_id not in names:
            raise DefinitionError(
                f"the map {name!r} iterates over the result of {source.task_id!r}, which is not linked",
                hint=f"Link it: {source.task_id} >> {group.task.task_id}.map({source.task_id})",
            )
        taken = next((other for other in names if other.startswith(f"{name}/")), None)
        if taken is not None:
            raise DefinitionError(
                f"the id {taken!r} may be that of a member of the map {name!r}", hint="Give the map another name="
            )
        args = self._digest(group.task, name) if group.task.bound else ""
        spec = map_spec(group, args, source.task_id if source is not None else "", names.__contains__)
        self.groups[name], self.policies[name] = group, group.policy
        self.mapped[name] = Mapped(group.task, spec.parameter, group)
        return group_spec(group, name, lambda node: node.task_id, spec)

    def _upstream(self, task: Task[Any], node: int) -> dict[str, int]:
        """The parameters that are results of what the task follows; a callback's others may be its group's."""
        signature, graph = task.signature, self.graph
        if not signature.names:
            return _NOTHING
        found: dict[str, int] = {}
        for name in signature.names:
            source = graph.find(name, node, members=False)
            if source is not None and name not in task.bound and graph.is_upstream(source, node):
                found[name] = source
        name = graph.ids[node]
        for group in graph.before[node]:
            if graph.is_group(group) and graph.group(group).callback == name:
                free = [one for one in signature.names if one not in found and one not in task.bound]
                free.sort(key=signature.optional.__contains__)  # what has no default needs it more
                self.chords.setdefault(name, (group, free))
        return found


def _failing(error: Exception) -> Task[Any]:
    """Return a task that raises the reason why a task's code cannot be found."""

    def gone(*_: Any, **__: Any) -> None:
        raise error

    return Task(gone, "gone")


_CONTEXT_NAMES = ("ctx", "context")

_NOTHING: dict[str, int] = {}

_IMMUTABLE = frozenset({type(None), bool, int, float, str, bytes})
