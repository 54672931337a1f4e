"""Class definitions: steps by name, edges with conditions between them, one beginning and several ends.

A definition becomes a blueprint, the same that a ``with workflow(...)`` block makes; there is no other
engine for it. It describes; it must not know what runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import msgspec

from durable.definition.open_block import close_blocks, reopen_blocks
from durable.definition.blueprint import Blueprint, _caller_file
from durable.definition.checks import check_id
from durable.definition.expressions import Chain, nodes_of
from durable.definition.groups import ParallelGroup
from durable.definition.condition_labels import condition_label
from durable.definition.back_edges import Shape
from durable.definition.routing import Code, GroupRoute, Round, Route, Way
from durable.definition.steps import named_step
from durable.definition.task import Task
from durable.definition.step_checks import check_ends, check_names, resolved_edges

if TYPE_CHECKING:
    from durable.definition.expressions import Node
    from durable.runs.start import Run


class Edge(msgspec.Struct, frozen=True):
    """A way from one step to another.

    Attributes:
        source, target: names of steps, or the steps themselves.
        condition: called with the context once the source has succeeded; the edge is taken if it returns
            something true. None for an edge that is always taken.
    """

    source: Any
    target: Any
    condition: Callable[[Any], Any] | None = None

    @property
    def label(self) -> str:
        """The edge as errors show it."""
        way = f"{self.source} -> {self.target}"
        return way if self.condition is None else f"{way} (if {condition_label(self.condition)})"


class WorkflowDefinition:
    """A workflow of steps and edges.

    A step with several edges takes each whose condition holds. A step that several edges lead to runs once,
    after all branches that were taken. An edge that goes back begins another round: fresh copies of its target
    and of what follows.

    Args:
        name: what runs of it are listed under.
        version: declared version, recorded with each run.
        description: what it is for.
        steps: steps by name: step classes or their instances, tasks, groups.
        edges: what follows what.
        initial_step: where runs begin.
        terminal_steps: where runs may end.

    Attributes:
        file: the file that makes it, so that a resume finds the code again.
    """

    def __init__(
        self,
        name: str,
        version: str | None = None,
        description: str = "",
        *,
        steps: Mapping[str, Any],
        edges: Iterable[Edge] = (),
        initial_step: Any,
        terminal_steps: Iterable[Any],
    ) -> None:
        self.name = check_id(name)
        self.version = None if version is None else str(version)
        self.description = description
        self.steps = dict(steps)
        self.edges = tuple(edges)
        self.initial_step = initial_step
        self.terminal_steps = (terminal_steps,) if isinstance(terminal_steps, str) else tuple(terminal_steps)
        self.file = _caller_file()
        self._made: _Made | None = None

    @property
    def workflow(self) -> Blueprint:
        """The blueprint that it means, always the same one.

        Raises:
            DefinitionError: the definition cannot run.
        """
        return self.compiled().blueprint

    def compiled(self) -> _Made:
        """Return what the definition became. Raises ``DefinitionError``, naming what is wrong."""
        if self._made is None:
            token = close_blocks()
            try:
                self._made = _Made(self)
            finally:
                reopen_blocks(token)
        return self._made

    def to_mermaid(self, run: Run | None = None) -> str:
        """Return the steps as a Mermaid flowchart: edges with their conditions, terminal steps with a thick frame.

        Args:
            run: colour the steps by their status in this run, and show further rounds.
        """
        from durable.core.graph import Graph
        from durable.definition.compile import Compiled
        from durable.definition.mermaid import Drawing, draw

        made = self.compiled()
        drawing = Drawing(made.labels(), frozenset(made.terminals), made.going_back())
        if run is None:
            graph: Graph = Compiled(made.blueprint).graph
            return draw(graph, None, drawing)
        state = run.load_state()
        return draw(state.graph, state, drawing)

    def __repr__(self) -> str:
        version = f" {self.version}" if self.version is not None else ""
        return f"<WorkflowDefinition {self.name}{version}: {len(self.steps)} steps>"


class _Made:
    """A definition's tasks, groups and edges, checked and linked.

    Attributes:
        edges: with names on both ends; terminals: names; shape: which edges go back.
        begins, ends: for each step, the node that edges lead to, and the one that they leave from.
    """

    def __init__(self, given: WorkflowDefinition) -> None:
        self.name = given.name
        check_names(given.name, given.steps)
        nodes = {name: named_step(item, name) for name, item in given.steps.items()}
        self.edges, self.initial, self.terminals = resolved_edges(given)
        self.shape = Shape(list(nodes), [(edge.source, edge.target) for edge in self.edges], self.initial)
        check_ends(given.name, list(nodes), self.edges, self.shape, self.initial, self.terminals)
        self.begins: dict[str, Node] = {name: self._copied(node, name) for name, node in nodes.items()}
        self.ends: dict[str, Node] = {
            name: getattr(node, "callback", None) or node for name, node in self.begins.items()
        }
        self._rounds: dict[str, Round] = {}
        for name, node in self.ends.items():
            self._set_route(name, node)
        self.blueprint = self._linked(Blueprint(given.name, version=given.version), list(nodes))
        self.blueprint.file = given.file

    def labels(self) -> dict[tuple[str, str], str]:
        """The conditions of edges as people see them, by the ids of the nodes on both ends."""
        return {
            (self.ends[edge.source].task_id, edge.target): condition_label(edge.condition)
            for edge in self.edges
            if edge.condition is not None
        }

    def going_back(self) -> list[tuple[str, str]]:
        """The edges that go back, by the ids of the nodes on both ends."""
        back = self.shape.back
        return [(self.ends[e.source].task_id, e.target) for e in self.edges if (e.source, e.target) in back]

    def _copied(self, node: Node, name: str | None) -> Node:
        """A step's own node: the same task or group, which may stand in other workflows too."""
        if isinstance(node, Task):
            made: Task[Any] = node.instance(name or node.task_id, node.bound)
            made.template = made.task_id
            made.fn = Code(node.fn, self.name, made.task_id)
            return made
        group = copy(node)
        group.name = name if name is not None else node.name
        group.members = tuple(tuple(self._copied(inner, None) for inner in line) for line in node.members)
        if node.callback is not None:
            callback = self._copied(nodes_of(node.callback)[0], None)
            assert isinstance(callback, Task)
            group.callback = callback
        return group

    def _set_route(self, name: str, node: Node) -> None:
        ways = [self._way(edge) for edge in self.edges if edge.source == name]
        if any(way.condition is not None or way.back is not None for way in ways):
            kind = GroupRoute if isinstance(node, ParallelGroup) else Route
            node.route = kind(self.name, name, ways, name in self.terminals)

    def _way(self, edge: Edge) -> Way:
        back = self._round(edge.target) if (edge.source, edge.target) in self.shape.back else None
        return Way(edge.target, edge.label, edge.condition, back)

    def _round(self, target: str) -> Round:
        if target not in self._rounds:
            entries = [(self.ends[source].task_id, step) for source, step in self.shape.entries(target)]
            blueprint = self._linked(Blueprint(self.name), self.shape.round(target))
            self._rounds[target] = Round(blueprint, entries)
        return self._rounds[target]

    def _linked(self, blueprint: Blueprint, steps: list[str]) -> Blueprint:
        """Put steps into a blueprint, with the edges between them that do not go back."""
        for name in steps:
            blueprint.add(self.begins[name])
        for source, target in self.shape.pairs(steps):
            blueprint.add(Chain([self.ends[source], self.begins[target]]))
        return blueprint
