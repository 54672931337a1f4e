"""The graph as a Mermaid flowchart, plain or coloured by a run's state."""

from __future__ import annotations

from durable.core.graph import Graph
from durable.core.state import RunState
from durable.core.transitions import STATUSES

_COLOURS = {
    "succeeded": "#c8e6c9",
    "failed": "#ffcdd2",
    "timed_out": "#ffcdd2",
    "running": "#bbdefb",
    "waiting": "#fff9c4",
    "interrupted": "#ffe0b2",
    "cancelled": "#e0e0e0",
    "skipped": "#eeeeee",
}


def draw(graph: Graph, state: RunState | None = None) -> str:
    """Return a graph as Mermaid text, coloured when a state is given."""
    lines = ["flowchart LR"]
    for node in graph.ordered():
        if graph.parent[node] < 0:
            lines += _node(graph, node, "    ")
    lines += [f"    n{source} --> n{target}" for source in range(len(graph.ids)) for target in graph.after[source]]
    if state is not None:
        used = {STATUSES[status] for status in state.nodes}
        lines += [f"    classDef {name} fill:{colour}" for name, colour in _COLOURS.items() if name in used]
        lines += [
            f"    class n{node} {STATUSES[status]}"
            for node, status in enumerate(state.nodes)
            if STATUSES[status] in _COLOURS
        ]
    return "\n".join(lines) + "\n"


def _node(graph: Graph, node: int, indent: str) -> list[str]:
    label = graph.ids[node].replace('"', "#quot;")
    if not graph.is_group(node):
        return [f'{indent}n{node}["{label}"]']
    inner = [line for member in graph.members[node] for part in member for line in _node(graph, part, indent + "    ")]
    return [f'{indent}subgraph n{node}["{label}"]', *inner, f"{indent}end"]
