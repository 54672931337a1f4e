"""The workflow's graph, validated and indexed by integers, so that the fold and the frontier work on columns.

A group is one node: an edge into it opens its members, its verdict opens what follows. A member is a
line of nodes (a task, a chain, a nested group); its last node, its *end*, gives the member its id.
A graph grows while its run goes on: what an attempt schedules, and the members of maps, are added behind
what is there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from durable.core.cycles import refuse_cycles
from durable.core.expansion import Batch, Edges, Expansion, Expansions, Ids, Index, Lines
from durable.core.specs import INTERRUPTION_LIMIT, Definition, Fragment, GroupSpec, Recipe, Stored, TaskSpec
from durable.core.topology import Topology
from durable.errors import DefinitionError

ROOT = -1
"""The pool of tasks outside of groups, which run one after another."""

COROUTINES = -2
"""The pool of coroutines outside of groups, which do not stand in each other's way."""

__all__ = ["COROUTINES", "ROOT", "Definition", "Fragment", "Graph", "GroupSpec", "TaskSpec"]


class Graph(Topology):
    """A definition, and what was scheduled since: nodes are numbers, in the order in which they came.

    Attributes:
        ids: node ids by number; ``index``: numbers by id.
        specs: what was recorded of each node.
        grouped: 1 for each node that is a group.
        static: how many nodes the definition has; those behind them were scheduled.
        after: for each node, the nodes that its outcome resolves.
        needs: for each node, how many resolutions it waits for (its edges, and its group's opening).
        parent: the group a node belongs to, or -1.
        end_of: for a node in a group, the end of its member; -1 outside.
        members: for each group's number, its members as lines of nodes.
        scheduler: the node that scheduled a node; not for those of the definition.
        scheduled: the nodes that a node scheduled.
        short: short ids of scheduled nodes; recipes: how scheduled tasks are made; map_recipes: how
            those of scheduled maps are; policies: of scheduled groups,
            where a description does not suffice.
        pool: where a node competes for room: its group, or outside of groups ROOT or COROUTINES.
        deadlines: seconds that a task has from its first start, for those that have a deadline.
        fragments: what was scheduled, as ``(scheduler, fragment)``.
        expansions: the members of maps.
        jumps: edges that were added to nodes of the definition, as ``(scheduler, target)``; jumped: the targets of
            those that were added last.

    Raises:
        DefinitionError: duplicate or unknown ids, a task in two groups, or a cycle.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.expansions = Expansions()
        self.ids = Ids(self.expansions)
        self.index = Index(self.expansions)
        self.specs: list[TaskSpec | GroupSpec] = []
        self.grouped = bytearray()
        self.parent = array("i")
        self.end_of = array("i")
        self.needs = array("i")
        self.before = Edges()
        self.after = Edges()
        self.members: dict[int, Sequence[list[int]]] = {}
        self.scheduler: dict[int, int] = {}
        self.scheduled: dict[int, list[int]] = {}
        self.short: dict[int, str] = {}
        self.recipes: dict[int, tuple[Fragment, Recipe]] = {}
        self.map_recipes: dict[int, tuple[Fragment, Recipe]] = {}
        self.policies: dict[int, Stored] = {}
        self.pool = array("i")
        self.deadlines: dict[int, float] = {}
        self.fragments: list[tuple[str, Fragment]] = []
        self.jumps: set[tuple[str, str]] = set()
        self.jumped: list[int] = []
        self._by_short: dict[str, list[int]] = {}
        self._add(definition.tasks, definition.groups, definition.edges)
        self.static = self.size

    def expand(self, group: int, count: int, seq: int, keys: str | None, digest: str, complete: bool) -> None:
        """Add members of a map.

        Args:
            group: the map's node.
            count: how many members.
            seq: the event that recorded them.
            keys: their keys, joined; None when they have none.
            digest: of their items.
            complete: whether there will be no more.
        """
        expansion = self.expansions.by_group[group]
        begin = self.size
        self.expansions.extend(expansion, Batch(group, begin, expansion.count, count, seq, keys, digest))
        expansion.complete = complete
        spec = self.group(group).map
        assert spec is not None
        self.grouped += bytes(count)
        self.needs += array("i", bytes(4 * count))
        self.end_of += array("i", range(begin, begin + count))
        for column in (self.parent, self.pool):
            column += array("i", [group]) * count
        self.specs += [spec.task] * count
        if spec.task.deadline is not None:
            self.deadlines |= dict.fromkeys(range(begin, begin + count), spec.task.deadline)

    def grow(self, scheduler: str, fragment: Fragment) -> int:
        """Add what an attempt scheduled.

        Args:
            scheduler: the task whose attempt it was.
            fragment: what it scheduled.

        Returns:
            How many nodes were added.
        """
        begin, source = self.size, self.index[scheduler]
        self.fragments.append((scheduler, fragment))
        self._add(fragment.tasks, fragment.groups, fragment.edges)
        for node, name in enumerate(fragment.names, begin):
            self.scheduler[node] = source
            self.short[node] = name
            self._by_short.setdefault(name, []).append(node)
        for node, recipe in enumerate(fragment.recipes, begin):
            self.recipes[node] = (fragment, recipe)
        self.map_recipes.update({self.index[name]: (fragment, recipe) for name, recipe in fragment.maps.items()})
        self.policies.update({self.index[name]: stored for name, stored in fragment.policies.items()})
        self.scheduled.setdefault(source, []).extend(range(begin, self.size))
        self.jumped = [self.index[name] for name in fragment.jumps if self.index[name] not in self.after[source]]
        for target in self.jumped:
            self._add_edge(source, target)
            self.jumps.add((scheduler, self.ids[target]))
        return self.size - begin

    def number(self, node_id: str) -> int:
        """Return a node's number, given its id or, where that is not ambiguous, its short id.

        Raises:
            DefinitionError: there is none, or several have that short id.
        """
        node = self.find(node_id)
        if node is not None:
            return node
        several = [self.ids[one] for one in self._by_short.get(node_id, ())]
        known = f"It may be {', '.join(several[:20])}" if several else f"It has: {', '.join(list(self.index)[:20])}"
        raise DefinitionError(
            f"the workflow {self.definition.workflow!r} has no task or group {node_id!r}", hint=known
        ) from None

    def find(self, name: str, near: int = -1, *, members: bool = True) -> int | None:
        """Return the node that a name means: a sibling of ``near``, an id, or a short id that only one node has.

        Args:
            name: an id or a short id.
            near: a node; what was scheduled together with it comes first.
            members: whether it may be the key of a map's member.
        """
        if near in self.scheduler:
            siblings = [node for node in self._by_short.get(name, ()) if self.scheduler[node] == self.scheduler[near]]
            if len(siblings) == 1:
                return siblings[0]
        node = self.index.get(name)
        if node is not None:
            return node
        found = self._by_short.get(name, ())
        if len(found) == 1:
            return found[0]
        if found or not members or not self.expansions:
            return None
        several = [expansion.find(name) for expansion in self.expansions.by_group.values()]
        named = [member for member in several if member is not None]
        return named[0] if len(named) == 1 else None

    def name(self, node: int) -> str:
        """The node's short id: the key of a member of a map; the id of what was defined."""
        if self.parent[node] in self.expansions.by_group:
            return self.expansions.by_group[self.parent[node]].short_of(node)
        return self.short.get(node) or self.ids[node]

    def expansion_of(self, node: int) -> Expansion | None:
        """The map that a node is a member of, if it is one."""
        return self.expansions.by_group.get(self.parent[node]) if self.expansions else None

    def member_ids(self, node: int) -> list[str]:
        """The names of a group's members: those of their ends."""
        return [self.name(line[-1]) for line in self.members[node]]

    def attempt_limit(self, node: int) -> int:
        """How many counted attempts an interrupted task may have."""
        return self.task(node).max_attempts or INTERRUPTION_LIMIT

    def _add(self, tasks: Sequence[TaskSpec], groups: Sequence[GroupSpec], edges: Iterable[tuple[str, str]]) -> None:
        specs: list[TaskSpec | GroupSpec] = [*tasks, *groups]
        begin, count = self.size, len(specs)
        self.ids.update(enumerate([spec.id for spec in specs], begin))
        self.index.update((spec.id, number) for number, spec in enumerate(specs, begin))
        if len(self.index) != len(self.ids):
            self._refuse_twice()
        self.specs += specs
        self.grouped += bytes(len(tasks)) + b"\x01" * len(groups)
        for column, value in ((self.parent, -1), (self.end_of, -1), (self.needs, 0)):
            column += array("i", [value]) * count
        for edges_of in (self.before, self.after):
            edges_of.update({number: [] for number in range(begin, begin + count)})
        self.deadlines |= {node: spec.deadline for node, spec in enumerate(tasks, begin) if spec.deadline is not None}
        for number, group in enumerate(groups, begin + len(tasks)):
            self._add_group(number, group)
        self.pool += self.parent[begin:]
        for node, spec in enumerate(tasks, begin):
            if spec.coroutine and self.parent[node] < 0:
                self.pool[node] = COROUTINES
        self._add_edges(edges)
        refuse_cycles(self, begin)

    def _add_edges(self, edges: Iterable[tuple[str, str]]) -> None:
        index, before, after, needs, find = self.index, self.before, self.after, self.needs, dict.get
        for source, target in dict.fromkeys(edges):
            first, second = find(index, source, -1), find(index, target, -1)
            if first < 0 or second < 0:  # a short id, a member of a map, or none
                first, second = self.number(source), self.number(target)
            after[first].append(second)
            before[second].append(first)
            needs[second] += 1

    def _refuse_twice(self) -> None:
        seen: set[str] = set()
        twice = sorted({name for name in self.ids.values() if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
        raise DefinitionError(
            f"the workflow {self.definition.workflow!r} uses an id twice: {', '.join(twice)}",
            hint="Give each task its own id: t(task_id=...), and each group its own name",
        )

    def _add_group(self, number: int, group: GroupSpec) -> None:
        if group.map is not None:
            expansion = Expansion(number, group.id, group.map.keyed)
            self.expansions.add(expansion)
            self.members[number] = Lines(expansion)
            return
        index, known = self.index, dict.__contains__  # the usual case, without a call of ours for each member
        lines = [[index[name] if known(index, name) else self.number(name) for name in line] for line in group.members]
        self.members[number] = lines
        for line in lines:
            self.needs[line[0]] += 1
            for node in line:
                if self.parent[node] >= 0 or node == number:
                    other = self.ids.get(self.parent[node], group.id)
                    raise DefinitionError(
                        f"{self.ids[node]!r} stands twice in groups ({other!r} and {group.id!r})",
                        hint="Make a second instance: t(task_id=...)",
                    )
                self.parent[node], self.end_of[node] = number, line[-1]

    def _add_edge(self, source: int, target: int) -> None:
        self.after.setdefault(source, []).append(target)  # members of maps have no edges until they jump
        self.before[target].append(source)
        self.needs[target] += 1
