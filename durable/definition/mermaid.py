"""The graph as a Mermaid flowchart, plain or coloured by a run's state.

A map is one node with the number of its members. What was scheduled while the run went on hangs on dotted edges
from the task that scheduled it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from durable.core.graph import Graph
from durable.core.state import RunState
from durable.core.transitions import STATUSES

_COLOURS = {
    "succeeded": "#c8e6c9",
    "failed": "#ffcdd2",
    "timed_out": "#ffcdd2",
    "running": "#bbdefb",
    "waiting": "#fff9c4",
    "suspended": "#e1bee7",
    "interrupted": "#ffe0b2",
    "cancelled": "#e0e0e0",
    "skipped": "#eeeeee",
}


class Foldable(Protocol):
    """A run whose state can be read; ``durable.Run`` is one."""

    def load_state(self) -> RunState:
        """Return the folded state."""
        ...


class Drawing(msgspec.Struct, frozen=True):
    """What a definition knows beyond its graph, by the names of nodes.

    Attributes:
        labels: texts on edges.
        terminals: nodes with a thick frame.
        back: edges that begin another round, which the graph does not have.
    """

    labels: Mapping[tuple[str, str], str] = {}
    terminals: Collection[str] = frozenset()
    back: Sequence[tuple[str, str]] = ()


def draw(graph: Graph, state: RunState | None = None, drawing: Drawing | None = None) -> str:
    """Return a graph as Mermaid text.

    Args:
        graph: the graph.
        state: colour the nodes by their status in it.
        drawing: labels and marks.
    """
    drawing = drawing or Drawing()
    lines = ["flowchart LR"]
    for node in graph.ordered():
        if graph.parent[node] < 0:
            lines += _node(graph, node, "    ")
    lines += _edges(graph, drawing)
    terminals = [node for node in graph.written() if graph.name(node) in drawing.terminals]
    if terminals:
        lines.append("    classDef terminal stroke-width:3px")
        lines += [f"    class n{node} terminal" for node in terminals]
    if state is not None:
        lines += _colours(state)
    return "\n".join(lines) + "\n"


def _edges(graph: Graph, drawing: Drawing) -> list[str]:
    found: dict[str, None] = {}  # members of one map may have scheduled or chosen the same
    for source, after in graph.after.items():
        for target in after:
            jump = (graph.ids[source], graph.ids[target]) in graph.jumps
            label = drawing.labels.get((graph.name(source), graph.name(target)))
            found[_edge(_drawn(graph, source), target, "-.->" if jump else "-->", label)] = None
    for names in drawing.back:
        source, target = (graph.index[name] for name in names)
        found[_edge(source, target, "-->", drawing.labels.get(names))] = None
    for scheduler, nodes in graph.scheduled.items():
        begun = [node for node in nodes if graph.parent[node] < 0 and not graph.before[node]]
        found |= {_edge(_drawn(graph, scheduler), node, "-.->", None): None for node in begun}
    return list(found)


def _drawn(graph: Graph, node: int) -> int:
    """What stands for a node in the picture: the map for a member of one."""
    expansion = graph.expansion_of(node)
    return node if expansion is None else expansion.group


def _edge(source: int, target: int, arrow: str, label: str | None) -> str:
    text = f'|"{_escaped(label)}"| ' if label else ""
    return f"    n{source} {arrow}{text or ' '}n{target}"


def _colours(state: RunState) -> list[str]:
    status_of = {node: STATUSES[state.nodes[node]] for node in state.graph.written()}
    used = set(status_of.values())
    lines = [f"    classDef {name} fill:{colour}" for name, colour in _COLOURS.items() if name in used]
    return lines + [f"    class n{node} {name}" for node, name in status_of.items() if name in _COLOURS]


def _escaped(text: str) -> str:
    return text.replace('"', "#quot;")


def _node(graph: Graph, node: int, indent: str) -> list[str]:
    label = _escaped(graph.ids[node])
    if not graph.is_group(node):
        return [f'{indent}n{node}["{label}"]']
    if node in graph.expansions.by_group:
        count = graph.expansions.by_group[node].count
        return [f'{indent}n{node}[["{label}{f"<br>{count:,} members" if count else ""}"]]']
    inner = [line for member in graph.members[node] for part in member for line in _node(graph, part, indent + "    ")]
    return [f'{indent}subgraph n{node}["{label}"]', *inner, f"{indent}end"]
