"""The frontier: which tasks and groups may move next, kept current with the folded state.

``Frontier(state)`` derives everything from the statuses in one pass (``derive_frontier.py``); ``advance``
then keeps it current, event by event, at a cost that does not grow with the run. Both ways lead to the same
place, which a property test holds. ``decide.py`` says what to do about it.

How an outcome resolves the edges that leave a node:

* success: *taken*; a node whose needs are all resolved, at least one of them taken, may start;
* skipped, or ended otherwise under a verdict of success: *dead*; a node with only dead needs is skipped;
* anything else, a skip in a failed group included: *blocked*; what depends on it cannot start until
  somebody resumes the run.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Any

from durable.core.derive_frontier import derive, offer_members
from durable.core.events import Event
from durable.core.graph import Graph
from durable.core.slots import STARTABLE, Slots
from durable.core.state import RunState
from durable.core.timers import Timers
from durable.core.transitions import (
    CANCELLED,
    ENDED,
    FAILED,
    PENDING,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    SUSPENDED,
    TIMED_OUT,
    WAITING,
)

_BAD = frozenset({FAILED, TIMED_OUT, CANCELLED})
_WITHOUT = _BAD | {SKIPPED}


class Frontier:
    """What a run may do next.

    Attributes:
        waiting, taken: of each node, the resolutions that are missing, and those by which it is taken.
        unsettled: members without an outcome, by group; that a map may be given more counts as one.
        failed: members of maps that ended without success, by map.

    Args:
        state: the folded state; it must be advanced together with this.
        max_steps: how many attempts the run may start; None for no limit.
        default_limit: how many tasks of a group run at once when its definition does not say.
        processes: the same for a group of worker processes; None for ``default_limit``.
    """

    graph: Graph
    waiting: array[int]
    taken: array[int]
    blocked: bytearray
    member_done: bytearray
    unsettled: dict[int, int]
    failed: dict[int, int]
    to_judge: dict[int, None]
    to_open: list[int]
    to_skip: list[int]
    stale: bool

    def __init__(
        self, state: RunState, max_steps: int | None = None, default_limit: int = 4, processes: int | None = None
    ) -> None:
        self.state = state
        self.max_steps = max_steps
        self.limits = (default_limit, processes)
        self.slots = Slots(state, *self.limits)
        self.timers = Timers(state)
        self.asleep: set[int] = set()
        derive(self)

    def advance(self, event: Event, node: int | None) -> None:
        """Take one event in.

        Args:
            event: the event, which ``apply`` has just folded into the state.
            node: what ``apply`` returned.
        """
        take = TAKES.get(event.type)
        if take is not None:
            take(self, node)
        elif event.type in _WAITS and node is not None:
            self.timers.began(node, event.fields["mark"])

    def _started(self, node: int) -> None:
        self.slots.went_live(node)
        if self.asleep:
            self.asleep.discard(node)
        if self.state.deadlines or self.state.marks:
            self.timers.started(node)

    def _succeeded(self, node: int) -> None:
        self.slots.left(node)
        self.resolve(node, taken=True)

    def _lost(self, node: int) -> None:
        self.slots.left(node)
        self.asleep.discard(node)
        self.ended_without(node)

    def ended_without(self, node: int, *, offer: bool = True) -> None:
        """Resolve what a node without success leads to: dead if a verdict settled it, else blocked.

        A node that was skipped as such is dead; one that was skipped because its group failed is not.
        """
        if self.state.settled(node) or (self.state.nodes[node] == SKIPPED and not self.state.closed_by_failure(node)):
            self.resolve(node, taken=False, offer=offer)
        else:
            self._block(node)

    def _again(self, node: int) -> None:
        self.slots.left(node)
        self.offer(node)

    def _slept(self, node: int) -> None:
        self.slots.left(node)
        self.asleep.add(node)
        self.offer(node)

    def _told(self, node: int | None) -> None:
        """Something came that a task may wait for."""
        if node is not None and node in self.state.woken:
            self.offer(node)

    def _grown(self, _node: int | None) -> None:
        """Take in nodes that were scheduled. What follows a task that jumps is known once it has succeeded."""
        graph, begin, count = self._extend()
        for target in graph.jumped:
            self.stale = self.stale or not self.waiting[target]  # it was offered already, and must wait now
            self.waiting[target] += 1
        for node in range(begin, begin + count):
            if graph.grouped[node]:
                self.unsettled[node] = len(graph.members[node])
                self.slots.add_group(node)
            if node in graph.expansions.by_group:
                self.unsettled[node] = 1  # that there may be more counts like a member
                self.failed[node] = 0
        for node in range(begin, begin + count):
            if not self.waiting[node]:
                self.offer(node)

    def _extend(self) -> tuple[Graph, int, int]:
        """Make room for nodes that were added; returns the first of them and how many they are, with the graph."""
        graph, begin = self.graph, len(self.waiting)
        count = graph.size - begin
        self.waiting += graph.needs[begin:]
        self.taken += array("i", bytes(4 * count))
        self.blocked += bytes(count)
        self.member_done += bytes(count)
        return graph, begin, count

    def _expanded(self, group: int) -> None:
        """Take in members of a map that were added."""
        graph, begin, count = self._extend()
        self.unsettled[group] += count
        if graph.expansions.by_group[group].complete:
            self.unsettled[group] -= 1
        if self.state.nodes[group] == RUNNING:
            for node in range(begin, begin + count):
                self.offer(node)
            if self.ripe(group):
                self.to_judge[group] = None

    def judge_later(self, groups: Iterable[int]) -> None:
        """Take back groups that were to be judged: a verdict has made another group ripe, which comes first."""
        self.to_judge.update(dict.fromkeys(groups))

    def _outdated(self, _node: int | None) -> None:
        self.stale = True

    def offer(self, node: int) -> None:
        """Put a node whose needs are resolved where it will be found."""
        if self.waiting[node] or self.blocked[node]:
            return
        status = self.state.nodes[node]
        if status not in STARTABLE:
            return
        if status == SUSPENDED:
            if node not in self.state.woken or node not in self.asleep:
                return  # not before something comes, and only once when several things do
            self.asleep.discard(node)
        if not self.taken[node] and self.graph.needs[node]:
            self.to_skip.append(node)
        elif self.graph.grouped[node]:
            self.to_open.append(node)
        elif status == WAITING:
            self.slots.delay(node)
        else:
            self.slots.enqueue(node)

    def _open(self, group: int) -> None:
        if group in self.failed:
            offer_members(self, self.graph.expansions.by_group[group])
        for line in self.graph.members[group] if group not in self.failed else ():
            first = line[0]
            self.waiting[first] -= 1
            self.taken[first] += 1
            if not self.waiting[first]:
                self.offer(first)
        if self.ripe(group):
            self.to_judge[group] = None

    def whole(self, node: int) -> list[int]:
        """The node, and for a group everything inside it: what is skipped is skipped with all its members."""
        inside = self.graph.subtree(node) if self.graph.grouped[node] else ()
        return [node, *(inner for inner in inside if self.state.nodes[inner] == PENDING)]

    def ripe(self, group: int) -> bool:
        """Whether the members' outcomes may be enough for a verdict."""
        spec, missing = self.graph.group(group), self.unsettled[group]
        early = spec.fail_fast or spec.decide_early
        return not missing or (early and missing < len(self.graph.members[group]) + (group in self.failed))

    def resolve(self, node: int, *, taken: bool, offer: bool = True) -> None:
        graph = self.graph
        chosen = self.state.taken.get(node) if self.state.taken else None
        for target in graph.after[node]:
            self.waiting[target] -= 1
            if taken and (chosen is None or target in chosen):
                self.taken[target] += 1
            if offer and not self.waiting[target]:
                self.offer(target)
        if graph.end_of[node] == node:
            self._member_settled(node, failed=False)

    def _block(self, node: int) -> None:
        """Settle the node's member as failed, and everything that depends on the node as unreachable."""
        stack = [node]
        while stack:
            node = stack.pop()
            end = self.graph.end_of[node]
            if end >= 0:
                self._member_settled(end, failed=True)
            for follower in self.graph.after[node]:
                for target in self.whole(follower):
                    if not self.blocked[target] and self.state.nodes[target] not in ENDED:
                        self.blocked[target] = 1
                        stack.append(target)

    def _member_settled(self, end: int, *, failed: bool) -> None:
        if self.member_done[end]:
            return
        self.member_done[end] = 1
        group = self.graph.parent[end]
        self.unsettled[group] -= 1
        if group in self.failed and (failed or self.state.nodes[end] != SUCCEEDED):
            self.failed[group] += 1  # a skipped one too: an earlier verdict has closed it
        spec: Any = self.graph.specs[group]
        if not self.unsettled[group] or spec.decide_early or (failed and spec.fail_fast):
            self.to_judge[group] = None

    def _group_succeeded(self, group: int) -> None:
        """A verdict of success turns the edges of members without success from blocked to dead."""
        nodes = self.state.nodes
        self.resolve(group, taken=True)
        if any(nodes[node] != SUCCEEDED for node in self.graph.subtree(group)) and self.graph.leaks(group):
            self.stale = True


_WAITS = frozenset({"TimerStarted", "SignalAwaited", "FeedbackRequested"})
"""Waits whose time may be limited."""

TAKES: dict[str, Callable[[Frontier, Any], None]] = {
    "TaskStarted": Frontier._started,
    "TaskSucceeded": Frontier._succeeded,
    "TaskIterated": Frontier._again,
    "TaskSuspended": Frontier._slept,
    "TaskFailed": Frontier._lost,
    "TaskTimedOut": Frontier._lost,
    "TaskCancelled": Frontier._lost,
    "TaskSkipped": Frontier._lost,
    "TaskRetryScheduled": Frontier._again,
    "TaskInterrupted": Frontier._again,
    "TaskReopened": Frontier._outdated,
    "GroupStarted": Frontier._open,
    "GroupSucceeded": Frontier._group_succeeded,
    "GroupFailed": Frontier._lost,
    "GroupCancelled": Frontier._lost,
    "GroupSkipped": Frontier._lost,
    "GroupRetryRequested": Frontier._outdated,
    "GroupReopened": Frontier._outdated,
    "RunResumed": Frontier._outdated,
    "DefinitionChanged": Frontier._outdated,
    "TasksScheduled": Frontier._grown,
    "MembersAdded": Frontier._expanded,
    "TimerFired": Frontier._told,
    "SignalReceived": Frontier._told,
    "FeedbackAnswered": Frontier._told,
    "WaitExpired": Frontier._told,
}
