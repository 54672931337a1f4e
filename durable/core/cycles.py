"""Cycles: a graph that cannot be peeled off node by node is refused, naming the way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from durable.errors import DefinitionError

if TYPE_CHECKING:
    from durable.core.graph import Graph


def refuse_cycles(graph: Graph, begin: int = 0) -> None:
    """Peel off what waits for nothing; a group opens as itself and closes as a second node.

    Args:
        graph: the graph.
        begin: look at the nodes from this one on; what was there before does not wait for them.

    Raises:
        DefinitionError: naming the nodes of a cycle.
    """
    if _leads_on(graph, begin):
        return
    count = graph.size - begin
    waits = [*graph.needs[begin:], *[0] * count]
    after: list[Sequence[int]] = [[target - begin for target in graph.after[begin + node]] for node in range(count)]
    after += [()] * count
    groups = {node: graph.members[begin + node] for node in range(count) if graph.grouped[begin + node]}
    for group, lines in groups.items():
        after[count + group] = after[group]
        after[group] = [line[0] - begin for line in lines] or [count + group]
        waits[count + group] = len(lines) or 1
    for group, lines in groups.items():  # once all are closed: a group may stand before one that is nested in it
        for line in lines:
            end = line[-1] - begin + (count if graph.grouped[line[-1]] else 0)
            after[end] = [*after[end], count + group]
    free = [node for node in range(count) if not waits[node]]
    for node in free:
        for target in after[node]:
            waits[target] -= 1
            if not waits[target]:
                free.append(target)
    if len(free) < count + len(groups):
        left = {node for node in range(2 * count) if waits[node] > 0}
        names = list(dict.fromkeys(graph.ids[begin + node % count] for node in _cycle(after, left)))
        path = " >> ".join([*names, names[0]])
        raise DefinitionError(
            f"the workflow {graph.definition.workflow!r} has a cycle: {path}", hint="Remove one of its edges"
        )


def _leads_on(graph: Graph, begin: int) -> bool:
    """Whether each edge leads to a later node, or groups stand alone: then there is no way round."""
    after = graph.after
    if 1 in graph.grouped[begin:]:
        nodes = range(begin, graph.size)
        return not any(after[node] or (graph.grouped[node] and graph.parent[node] >= 0) for node in nodes)
    for node in range(begin, graph.size):
        later = after[node]
        if later and (later[0] <= node or (len(later) > 1 and min(later) <= node)):
            return False
    return True


def _cycle(after: list[Sequence[int]], left: set[int]) -> list[int]:
    """Return the nodes of one cycle, in order, among those that peeling has left: each follows another of them."""
    before = {target: node for node in left for target in after[node] if target in left}
    node, seen = next(iter(before)), dict[int, None]()
    while node not in seen:
        seen[node] = None
        node = before[node]
    walked = list(seen)
    return walked[walked.index(node) :][::-1]
