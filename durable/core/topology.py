"""The topology of a run's graph: who is inside of whom, what follows what, and in which order. It changes nothing."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush

from durable.core.expansion import Edges, Expansions
from durable.core.specs import Definition, GroupSpec, TaskSpec


class Topology:
    """Nodes as numbers, in the order in which they came, with columns of what is known of each. See ``Graph``."""

    definition: Definition
    specs: list[TaskSpec | GroupSpec]
    grouped: bytearray
    static: int
    after: Edges
    before: Edges
    needs: array[int]
    parent: array[int]
    members: dict[int, Sequence[list[int]]]
    scheduler: dict[int, int]
    expansions: Expansions
    jumps: set[tuple[str, str]]

    @property
    def size(self) -> int:
        """How many nodes there are."""
        return len(self.grouped)

    def is_group(self, node: int) -> bool:
        """Whether the node is a group."""
        return bool(self.grouped[node])

    def task(self, node: int) -> TaskSpec:
        """The definition of a task node."""
        spec = self.specs[node]
        assert isinstance(spec, TaskSpec)
        return spec

    def group(self, node: int) -> GroupSpec:
        """The definition of a group node."""
        spec = self.specs[node]
        assert isinstance(spec, GroupSpec)
        return spec

    def written(self) -> Iterable[int]:
        """All nodes that were defined or scheduled: all but the members of maps."""
        return self.expansions.others(self.size) if self.expansions else range(self.size)

    def task_nodes(self) -> Iterable[int]:
        """All nodes that are tasks, members of maps left out."""
        if self.size == self.static:
            return range(len(self.definition.tasks))
        return [node for node in self.written() if not self.grouped[node]]

    def subtree(self, node: int) -> Iterator[int]:
        """Yield every node inside a group, nested groups and their nodes included."""
        if node in self.expansions.by_group:
            yield from self.expansions.by_group[node].nodes
            return
        for line in self.members[node]:
            for inner in line:
                yield inner
                if self.grouped[inner]:
                    yield from self.subtree(inner)

    def depth(self, node: int) -> int:
        """In how many groups the node stands."""
        depth, group = 0, self.parent[node]
        while group >= 0:
            depth, group = depth + 1, self.parent[group]
        return depth

    def leaks(self, node: int) -> bool:
        """Whether an edge leaves the group from inside, past its verdict."""
        if node in self.expansions.by_group and not self.jumps:
            return False
        inside = set(self.subtree(node))
        return any(target not in inside for inner in inside for target in self.after[inner])

    def is_upstream(self, source: int, target: int) -> bool:
        """Whether ``source`` is always settled before ``target`` starts."""
        seen: set[int] = set()
        stack = self._directly_upstream(target)
        while stack:
            node = stack.pop()
            if node == source:
                return True
            if node not in seen:
                seen.add(node)
                stack += self._directly_upstream(node)
                if self.grouped[node] and node not in self.expansions.by_group:
                    stack += [line[-1] for line in self.members[node]]
        return False

    def follows_something(self, node: int) -> bool:
        """Whether an outcome has to be there before the node can start; not so for roots and what they open."""
        return bool(self._directly_upstream(node))

    def ordered(self) -> list[int]:
        """All nodes in definition order, each group where its first member stands; members of maps left out."""
        return sorted(self.written(), key=self.place) if self.members else list(self.written())

    def topological(self) -> list[int]:
        """All nodes, each after what it follows and each group before its members; else in definition order.

        Members of maps are left out.
        """
        place = {node: number for number, node in enumerate(self.ordered())}
        waits = {node: self.needs[node] for node in place}
        free = [(place[node], node) for node, needs in waits.items() if not needs]
        heapify(free)
        order: list[int] = []
        while free:
            node = heappop(free)[1]
            order.append(node)
            opened = [line[0] for line in self.members.get(node, ())] if node not in self.expansions.by_group else []
            for target in [*self.after[node], *opened]:
                waits[target] -= 1
                if not waits[target]:
                    heappush(free, (place[target], target))
        return order

    def place(self, node: int) -> tuple[int, int, int]:
        """Where a node stands in definition order: sorts before what stands behind it.

        A map stands behind what it follows, its members at the map.
        """
        if self.parent[node] in self.expansions.by_group:
            return *self.place(self.parent[node])[:2], node
        if node in self.expansions.by_group:
            ends = [max(self.subtree(one), default=one) if self.grouped[one] else one for one in self.before[node]]
            return max(ends, default=node if node in self.scheduler else -1), 2, 0
        if not self.grouped[node]:
            return node, 1, 0
        return min((inner for inner in self.subtree(node) if not self.grouped[inner]), default=node), 0, -node

    def _directly_upstream(self, node: int) -> list[int]:
        group = self.parent[node]
        opened_by = self._directly_upstream(group) if group >= 0 else []
        scheduler = [self.scheduler[node]] if node in self.scheduler else []
        return self.before[node] + opened_by + scheduler
