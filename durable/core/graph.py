"""The workflow's graph as plain data: tasks, groups, edges, with stable ids.

A ``Definition`` is what a run records; a ``Graph`` is the same, validated and indexed by integers so
that the fold and the frontier work on columns. Neither knows functions, policies' code or clocks.

A group is one node: an edge into it opens its members, its verdict opens what follows. A member is a
line of nodes (a task, a chain, a nested group); its last node, its *end*, gives the member its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec

from durable.errors import DefinitionError

INTERRUPTION_LIMIT = 25
"""Attempts that may be interrupted when a task declares no ``max_attempts`` of its own."""


class TaskSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the log records of a task's definition.

    Attributes:
        id: stable id, unique among tasks and groups.
        fingerprint: of the function's code, or of its declared version.
        source: ``file:qualified name`` of the function.
        args: digest of the bound arguments; "" when there are none or they have no stable bytes.
        timeout: seconds an attempt may take; None for no limit.
        max_attempts: as declared by a retry policy; None when not declared.
    """

    id: str
    fingerprint: str = ""
    source: str = ""
    args: str = ""
    timeout: float | None = None
    max_attempts: int | None = None


class GroupSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the log records of a group's definition.

    Attributes:
        id: stable id, unique among tasks and groups.
        members: each member's node ids, first to last.
        policy: the policy's description, e.g. ``{"type": "at_least_n", "min_success": 2}``.
        limit: how many of its tasks may run at once; None for the engine's default.
        backend: where its tasks run: "direct" on the driver, one after another, or "threading".
        timeout: seconds from the group's start to its last result; None for no limit.
        fail_fast: judge as soon as failure is certain.
        decide_early: judge as soon as either outcome is certain.
    """

    id: str
    members: tuple[tuple[str, ...], ...]
    policy: Any = "strict"
    limit: int | None = None
    backend: str = "threading"
    timeout: float | None = None
    fail_fast: bool = False
    decide_early: bool = False


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A workflow as a run records it, in definition order."""

    workflow: str
    version: str | None = None
    tasks: tuple[TaskSpec, ...] = ()
    groups: tuple[GroupSpec, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()


class Graph:
    """A definition, validated and indexed: nodes are numbers, tasks first, then groups.

    Attributes:
        ids: node ids by number; ``index``: numbers by id.
        tasks: how many of the nodes are tasks.
        after: for each node, the nodes that its outcome resolves.
        needs: for each node, how many resolutions it waits for (its edges, and its group's opening).
        parent: the group a node belongs to, or -1.
        end_of: for a node in a group, the end of its member; -1 outside.
        members: for each group's number, its members as lines of nodes.

    Raises:
        DefinitionError: duplicate or unknown ids, an empty group, a task in two groups, or a cycle.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.tasks = len(definition.tasks)
        self.ids = [spec.id for spec in definition.tasks] + [spec.id for spec in definition.groups]
        self.index = {name: number for number, name in enumerate(self.ids)}
        if len(self.index) != len(self.ids):
            seen: set[str] = set()
            twice = sorted({name for name in self.ids if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
            raise DefinitionError(
                f"the workflow {definition.workflow!r} uses an id twice: {', '.join(twice)}",
                hint="Give each task its own id: t(task_id=...), and each group its own name",
            )
        count = len(self.ids)
        self.parent = [-1] * count
        self.end_of = [-1] * count
        self.needs = [0] * count
        self.before: list[list[int]] = [[] for _ in range(count)]
        self.after: list[list[int]] = [[] for _ in range(count)]
        self.members: dict[int, list[list[int]]] = {}
        for number, group in enumerate(definition.groups, self.tasks):
            self._add_group(number, group)
        for source, target in dict.fromkeys(definition.edges):
            self._add_edge(self.number(source), self.number(target))
        self._refuse_cycles()

    def number(self, node_id: str) -> int:
        """Return a node's number. Raises ``DefinitionError`` for an unknown id."""
        try:
            return self.index[node_id]
        except KeyError:
            raise DefinitionError(
                f"the workflow {self.definition.workflow!r} has no task or group {node_id!r}",
                hint=f"It has: {', '.join(self.ids[:20])}",
            ) from None

    def is_group(self, node: int) -> bool:
        """Whether the node is a group."""
        return node >= self.tasks

    def task(self, node: int) -> TaskSpec:
        """The definition of a task node."""
        return self.definition.tasks[node]

    def group(self, node: int) -> GroupSpec:
        """The definition of a group node."""
        return self.definition.groups[node - self.tasks]

    def member_ids(self, node: int) -> list[str]:
        """The ids of a group's members: those of their ends."""
        return [self.ids[line[-1]] for line in self.members[node]]

    def attempt_limit(self, node: int) -> int:
        """How many counted attempts an interrupted task may have."""
        return self.definition.tasks[node].max_attempts or INTERRUPTION_LIMIT

    def subtree(self, node: int) -> Iterator[int]:
        """Yield every node inside a group, nested groups and their nodes included."""
        for line in self.members[node]:
            for inner in line:
                yield inner
                if inner >= self.tasks:
                    yield from self.subtree(inner)

    def leaks(self, node: int) -> bool:
        """Whether an edge leaves the group from inside, past its verdict."""
        inside = set(self.subtree(node))
        return any(target not in inside for inner in inside for target in self.after[inner])

    def is_upstream(self, source: str, target: str) -> bool:
        """Whether ``source`` is always settled before ``target`` starts."""
        wanted, seen = self.index.get(source, -1), set()
        stack = self._directly_upstream(self.index[target])
        while stack:
            node = stack.pop()
            if node == wanted:
                return True
            if node not in seen:
                seen.add(node)
                stack += self._directly_upstream(node)
                if node >= self.tasks:
                    stack += [line[-1] for line in self.members[node]]
        return False

    def follows_something(self, node: int) -> bool:
        """Whether an outcome has to be there before the node can start; not so for roots and what they open."""
        return bool(self._directly_upstream(node))

    def ordered(self) -> list[int]:
        """All nodes in definition order, each group where its first member stands."""
        groups = sorted(self.members, key=lambda group: (min(self._tasks_of(group), default=self.tasks), -group))
        order: list[int] = []
        for task in range(self.tasks):
            while groups and min(self._tasks_of(groups[0]), default=self.tasks) <= task:
                order.append(groups.pop(0))
            order.append(task)
        return order + groups

    def topological(self) -> list[int]:
        """All nodes, each after what it follows and each group before its members; else in definition order."""
        waits = list(self.needs)
        place = {node: number for number, node in enumerate(self.ordered())}
        free = [(place[node], node) for node, needs in enumerate(waits) if not needs]
        heapify(free)
        order: list[int] = []
        while free:
            node = heappop(free)[1]
            order.append(node)
            opened = [line[0] for line in self.members.get(node, ())]
            for target in [*self.after[node], *opened]:
                waits[target] -= 1
                if not waits[target]:
                    heappush(free, (place[target], target))
        return order

    def _tasks_of(self, group: int) -> Iterator[int]:
        return (node for node in self.subtree(group) if node < self.tasks)

    def _directly_upstream(self, node: int) -> list[int]:
        group = self.parent[node]
        opened_by = self._directly_upstream(group) if group >= 0 else []
        return self.before[node] + opened_by

    def _add_group(self, number: int, group: GroupSpec) -> None:
        lines = [[self.number(name) for name in line] for line in group.members]
        self.members[number] = lines
        for line in lines:
            self.needs[line[0]] += 1
            for node in line:
                if self.parent[node] >= 0 or node == number:
                    raise DefinitionError(
                        f"{self.ids[node]!r} stands twice in groups ({self.ids[self.parent[node]]!r} and {group.id!r})",
                        hint="Make a second instance: t(task_id=...)",
                    )
                self.parent[node], self.end_of[node] = number, line[-1]

    def _add_edge(self, source: int, target: int) -> None:
        self.after[source].append(target)
        self.before[target].append(source)
        self.needs[target] += 1

    def _refuse_cycles(self) -> None:
        """Peel off what waits for nothing; a group opens as itself and closes as a second node."""
        count = len(self.ids)
        waits = list(self.needs) + [0] * count
        after: list[Sequence[int]] = [*self.after, *([()] * count)]
        for group, lines in self.members.items():
            after[group] = [line[0] for line in lines]
            after[count + group] = self.after[group]
            waits[count + group] = len(lines)
            for line in lines:
                end = line[-1] + (count if line[-1] >= self.tasks else 0)
                after[end] = [*after[end], count + group]
            if not lines:
                after[group] = [count + group]
                waits[count + group] = 1
        free = [node for node in range(count) if not waits[node]]
        for node in free:
            for target in after[node]:
                waits[target] -= 1
                if not waits[target]:
                    free.append(target)
        if len(free) < count + len(self.members):
            left = {node for node in range(2 * count) if waits[node] > 0}
            names = list(dict.fromkeys(self.ids[node % count] for node in _cycle(after, left)))
            path = " >> ".join([*names, names[0]])
            raise DefinitionError(
                f"the workflow {self.definition.workflow!r} has a cycle: {path}",
                hint="Remove one of its edges",
            )


def _cycle(after: list[Sequence[int]], left: set[int]) -> list[int]:
    """Return the nodes of one cycle, in order, among those that peeling has left: each follows another of them."""
    before = {target: node for node in left for target in after[node] if target in left}
    node, seen = next(iter(before)), dict[int, None]()
    while node not in seen:
        seen[node] = None
        node = before[node]
    walked = list(seen)
    return walked[walked.index(node) :][::-1]
