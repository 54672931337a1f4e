"""RunState, the fold of a run's log; ``apply`` in ``fold.py`` is the only thing that changes it.

Members are columns indexed by node number, so that a million of them cost megabytes and a checkpoint
is a copy of bytes. The state holds what was recorded and nothing derived: what to do next is the
frontier's to know (``decide.py``). Values stay in their events; the state keeps sequence numbers.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from typing import Any

from durable.core import channel
from durable.core.durable_calls import Marks, walk
from durable.core.events import Event
from durable.core.graph import Definition, Graph
from durable.core.specs import Fragment
from durable.core.transitions import (
    CANCELLED,
    FAILED,
    PENDING,
    STATUSES,
    SUCCEEDED,
    SUSPENDED,
    TIMED_OUT,
)

ReadGraph = Callable[[Event], Graph | Fragment]
"""Makes the graph of the definition that a RunCreated or DefinitionChanged event carries, or the fragment that a
TasksScheduled event carries."""

_ZERO = bytes(8)
NO_TASK = 255


class RunState:
    """A run as its log says it is.

    Args:
        run_id: the run.
        read_graph: makes the graph of a definition in the log.

    Attributes:
        seq, time: of the last event applied (time in microseconds since 1970).
        restored: seq of the checkpoint that it began with; 0 when all events were folded.
        status: the run's status, a number of ``transitions``.
        nodes: status of each node; ``attempts``, ``started``, ``ended`` (microseconds) likewise.
        outcome: seq of the event that holds a node's result or error; 0 without one.
        spent: attempts that count against a task's budget; ``interrupted``: those that were interruptions.
        due: when a waiting task may start, microseconds since 1970.
        driven: microseconds that earlier drives spent on groups that are still running.
        rejudged: what was asked for when a group was reopened to be re-evaluated: policy, actor, reason.
        channel: cells by key; metadata: seq of the value by key.
        orphans: nodes of earlier definitions that the present one lacks: id -> (status, outcome).
        taken: successors that a node chose, where it did not take all of them.
        iterations: of a task that iterates: number, seq of its arguments, attempts before it.
        marks: what the body of an unfinished task has recorded of its durable calls.
        saved: seq of the state that a body saved for its next attempt.
        carried: seqs of what finished items of a loop wrote, to be published with the task's success.
        woken: suspended tasks that can go on.
        deadlines: when a task's time is up, microseconds since 1970; run_deadline: the run's.
        signals: seqs of signals that nobody has waited for, by name; listening: waits for a signal, by name.
        requests: every question asked: id -> (task, mark, seq of the question, seq of the answer).
        grown: seqs of the TasksScheduled events.
        result_seq: the event with the result of a run that was ended early.
    """

    def __init__(self, run_id: str, read_graph: ReadGraph) -> None:
        self.run_id = run_id
        self.read_graph = read_graph
        self.seq = 0
        self.restored = 0
        self.time = 0
        self.status = PENDING
        self.created: Event | None = None
        self.error_seq = 0
        self.definition_seq = 0
        self.drive_began = 0
        self.steps = 0
        self.channel: dict[str, channel.Cell] = {}
        self.metadata: dict[str, int] = {}
        self.orphans: dict[str, tuple[int, int]] = {}
        self.spent: dict[int, int] = {}
        self.interrupted: dict[int, int] = {}
        self.due: dict[int, int] = {}
        self.driven: dict[int, int] = {}
        self.rejudged: dict[int, dict[str, Any]] = {}
        self.taken: dict[int, frozenset[int]] = {}
        self.iterations: dict[int, tuple[int, int, int]] = {}
        self.marks: dict[int, Marks] = {}
        self.saved: dict[int, int] = {}
        self.carried: dict[int, list[int]] = {}
        self.woken: dict[int, bool] = {}
        self.deadlines: dict[int, int] = {}
        self.run_deadline = 0
        self.signals: dict[str, list[int]] = {}
        self.listening: dict[str, list[tuple[int, str, int]]] = {}
        self.requests: dict[str, tuple[int, str, int, int]] = {}
        self.grown: list[int] = []
        self.result_seq = 0
        self.set_graph(Graph(Definition("")))

    def set_graph(self, graph: Graph) -> None:
        """Begin with a graph in which nothing has happened."""
        count = graph.size
        self.graph = graph
        self.index = graph.index
        self.nodes = bytearray(count)
        self.attempts = array("L", bytes(8 * count))
        self.outcome = array("Q", bytes(8 * count))
        self.started = array("q", bytes(8 * count))
        self.ended = array("q", bytes(8 * count))

    def grow(self, scheduler: str, fragment: Fragment) -> None:
        """Add what an attempt scheduled, in which nothing has happened."""
        self._extend(self.graph.grow(scheduler, fragment))

    def expand(self, group: int, count: int, seq: int, keys: str | None, digest: str, complete: bool) -> None:
        """Add members of a map, in which nothing has happened. See ``Graph.expand``."""
        self.graph.expand(group, count, seq, keys, digest, complete)
        self._extend(count)

    def _extend(self, count: int) -> None:
        self.nodes.extend(bytes(count))
        for column in (self.attempts, self.outcome, self.started, self.ended):
            column.frombytes(_ZERO * count)

    def iteration(self, node: int) -> int:
        """The number of the task's present iteration, from 1."""
        return self.iterations[node][0] if node in self.iterations else 1

    def open_waits(self, node: int) -> list[str]:
        """The marks of the task's waits that have not ended."""
        return [path for path, mark in walk(self.marks.get(node, {})) if mark.waits]

    def task_statuses(self) -> bytes:
        """The status of every task, groups left out."""
        graph = self.graph
        if graph.size == graph.static:
            return bytes(self.nodes[: len(graph.definition.tasks)])
        found = bytearray(self.nodes)
        for group in graph.members:
            found[group] = NO_TASK
        return bytes(found).replace(bytes([NO_TASK]), b"")

    @property
    def status_name(self) -> str:
        """The run's status as a word."""
        return STATUSES[self.status]

    def node_status(self, node_id: str) -> str:
        """The status of a task or group as a word."""
        return STATUSES[self.nodes[self.graph.number(node_id)]]

    def seconds(self, node: int) -> float:
        """How long the node's last attempt took, in seconds; 0 while it runs."""
        return max(0, self.ended[node] - self.started[node]) / 1e6 if self.started[node] else 0.0

    def settled(self, node: int) -> bool:
        """Whether a group around the node has a verdict of success, so that its outcome is final."""
        group = self.graph.parent[node]
        while group >= 0:
            if self.nodes[group] == SUCCEEDED:
                return True
            group = self.graph.parent[group]
        return False

    def in_failed_group(self, node: int) -> bool:
        """Whether a group around the node failed or was cancelled."""
        group = self.graph.parent[node]
        while group >= 0:
            if self.nodes[group] in (FAILED, CANCELLED):
                return True
            group = self.graph.parent[group]
        return False

    def closed_by_failure(self, node: int) -> bool:
        """Whether a group around the node had failed or been cancelled when the node ended."""
        group = self.graph.parent[node]
        while group >= 0:
            if self.nodes[group] in (FAILED, CANCELLED) and self.outcome[group] < self.outcome[node]:
                return True
            group = self.graph.parent[group]
        return False

    def having(self, *statuses: int) -> list[int]:
        """All tasks and groups with one of these statuses; quick also where few of very many have one."""
        return [found.start() for found in re.finditer(b"[%s]" % re.escape(bytes(statuses)), self.nodes)]

    def failures(self) -> list[int]:
        """Tasks and groups that failed, timed out or were cancelled and that no verdict settled."""
        return [node for node in self.having(FAILED, TIMED_OUT, CANCELLED) if not self.settled(node)]

    def outermost_failures(self) -> list[int]:
        """``failures()`` as their outermost failed groups see them, in the order in which they were recorded."""
        found: set[int] = set()
        for node in self.failures():
            outer, group = node, self.graph.parent[node]
            while group >= 0:
                if self.nodes[group] == FAILED:
                    outer = group
                group = self.graph.parent[group]
            found.add(outer)
        return sorted(found, key=lambda node: self.outcome[node])

    def waits(self) -> list[str]:
        """What suspended tasks wait for, one line each, in the order in which it was asked for."""
        found = []
        for node, marks in self.marks.items():
            if self.nodes[node] == SUSPENDED:
                found += [(mark.seq, f"{mark.kind} {mark.name}".strip()) for _, mark in walk(marks) if mark.waits]
        return [line for _, line in sorted(found)]
