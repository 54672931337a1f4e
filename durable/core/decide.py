"""The frontier: from the folded state to what must be done next.

``Frontier(state)`` derives everything from the statuses in one pass; ``advance`` then keeps it
current, event by event, at a cost that does not grow with the run. Both ways lead to the same place,
which a property test holds. It decides and never does: no clock, no I/O, no policy code.

How an outcome resolves the edges that leave a node:

* success: *taken*; a node whose needs are all resolved, at least one of them taken, may start;
* skipped, or ended otherwise under a verdict of success: *dead*; a node with only dead needs is skipped;
* anything else, a skip in a failed group included: *blocked*; what depends on it cannot start until
  somebody resumes the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import msgspec

from durable.core.events import Event
from durable.core.graph import GroupSpec
from durable.core.state import RunState
from durable.core.transitions import (
    CANCELLED,
    ENDED,
    FAILED,
    INTERRUPTED,
    PENDING,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    TIMED_OUT,
    WAITING,
)

ROOT = -1
"""The lane of tasks outside of groups, which run one after another."""

_BAD = frozenset({FAILED, TIMED_OUT, CANCELLED})
_WITHOUT = _BAD | {SKIPPED}
_STARTABLE = frozenset({PENDING, INTERRUPTED, WAITING})


class Decision(msgspec.Struct, gc=False):
    """What to do now; at most one of the first three is filled, so that each is done before the next.

    Attributes:
        judge: groups whose policy must be asked; True when members are still missing.
        open: groups whose members may start.
        skip: tasks and groups that will not start.
        start: tasks to start, in order.
        wake: when the next waiting task is due, microseconds since 1970; None when none waits.
        over: nothing is left to do and nothing is running.
        out_of_steps: something could start, but ``max_steps`` attempts were started already.
    """

    judge: list[tuple[int, bool]] = []
    open: list[int] = []
    skip: list[int] = []
    start: list[int] = []
    wake: int | None = None
    over: bool = False
    out_of_steps: bool = False


class Frontier:
    """What a run may do next.

    Args:
        state: the folded state; it must be advanced together with this.
        max_steps: how many attempts the run may start; None for no limit.
        default_limit: how many tasks of a group run at once when its definition does not say.
    """

    def __init__(self, state: RunState, max_steps: int | None = None, default_limit: int = 4) -> None:
        self.state = state
        self.max_steps = max_steps
        self.default_limit = default_limit
        self.alone: int | None = None
        self.rebuild()

    def rebuild(self) -> None:
        """Derive everything anew from the statuses."""
        state, graph = self.state, self.state.graph
        count = len(graph.ids)
        self.graph = graph
        self.waiting = list(graph.needs)
        self.taken = [0] * count
        self.blocked = bytearray(count)
        self.member_done = bytearray(count)
        self.unsettled = {group: len(lines) for group, lines in graph.members.items()}
        self.lanes: dict[int, deque[int]] = {}
        self.suspects: deque[int] = deque()
        self.delayed: list[tuple[int, int]] = []
        self.live: set[int] = set()
        self.busy: dict[int, int] = {}
        self.limits = {group: self._limit(graph.group(group)) for group in graph.members} | {ROOT: 1}
        self.to_judge: dict[int, None] = {}
        self.to_open: list[int] = []
        self.to_skip: list[int] = []
        self.stale = False
        for node, status in enumerate(state.nodes):
            self._place(node, status)
        for node in range(count):
            if not self.waiting[node]:
                self._offer(node)
        for group in self.unsettled:
            if state.nodes[group] == RUNNING and self._ripe(group):
                self.to_judge[group] = None
        if self.alone not in self.live:
            self.alone = None

    def _limit(self, spec: GroupSpec) -> int:
        return 1 if spec.backend == "direct" else spec.limit or self.default_limit

    def _place(self, node: int, status: int) -> None:
        """Count one node's outcome in, offering nothing yet."""
        if status == SUCCEEDED:
            self._resolve(node, taken=True, offer=False)
        elif status in _WITHOUT:
            self._ended_without(node, offer=False)
        elif status == RUNNING and node < self.graph.tasks:
            self._went_live(node)
        if node >= self.graph.tasks and status not in (PENDING, SKIPPED):
            for line in self.graph.members[node]:
                self.waiting[line[0]] -= 1
                self.taken[line[0]] += 1

    def advance(self, event: Event, node: int | None) -> None:
        """Take one event in.

        Args:
            event: the event, which ``apply`` has just folded into the state.
            node: what ``apply`` returned.
        """
        take = _TAKES.get(event.type)
        if take is not None:
            take(self, node)

    def _succeeded(self, node: int) -> None:
        self._left(node)
        self._resolve(node, taken=True)

    def _lost(self, node: int) -> None:
        self._left(node)
        self._ended_without(node)

    def _ended_without(self, node: int, *, offer: bool = True) -> None:
        """Resolve what a node without success leads to: dead if a verdict settled it, else blocked.

        A node that was skipped as such is dead; one that was skipped because its group failed is not.
        """
        if self.state.settled(node) or (self.state.nodes[node] == SKIPPED and not self.state.in_failed_group(node)):
            self._resolve(node, taken=False, offer=offer)
        else:
            self._block(node)

    def _again(self, node: int) -> None:
        self._left(node)
        self._offer(node)

    def _outdated(self, _node: int | None) -> None:
        self.stale = True

    def decide(self, now: int) -> Decision:
        """Return what to do now. What it names to start, open, skip or judge must be done.

        Args:
            now: microseconds since 1970.
        """
        if self.stale:
            self.rebuild()
        nodes = self.state.nodes
        if self.to_judge:
            groups, self.to_judge = self.to_judge, {}
            judge = [(group, self.unsettled[group] > 0) for group in groups if nodes[group] == RUNNING]
            if judge:
                return Decision(judge=judge)
        if self.to_open or self.to_skip:
            opened = [node for node in self.to_open if nodes[node] == PENDING]
            skipped = [inner for node in self.to_skip if nodes[node] == PENDING for inner in self._whole(node)]
            self.to_open, self.to_skip = [], []
            if opened or skipped:
                return Decision(open=opened, skip=skipped)
        while self.delayed and self.delayed[0][0] <= now:
            when, node = heappop(self.delayed)
            if nodes[node] == WAITING and self.state.due.get(node) == when:
                self._enqueue(node)
        return self._starts()

    def _starts(self) -> Decision:
        start: list[int] = []
        if self.alone is None:
            if self.lanes:
                for lane in list(self.lanes):
                    self._fill(lane, start)
            if self.suspects and not start and not self.live:
                self._start_suspect(start)
        if start and self.max_steps is not None:
            self._hold_back(start, self.max_steps - self.state.steps)
            if not start and not self.live:
                return Decision(out_of_steps=True)
        wake = self._wake() if self.delayed else None
        return Decision(start=start, wake=wake, over=not start and not self.live and wake is None)

    def _hold_back(self, start: list[int], allowed: int) -> None:
        """Put back what ``max_steps`` does not allow to start."""
        for node in reversed(start[max(allowed, 0) :]):
            self.lanes.setdefault(self.graph.parent[node], deque()).appendleft(node)
        del start[max(allowed, 0) :]

    def _fill(self, lane: int, start: list[int]) -> None:
        queue = self.lanes[lane]
        free = self.limits[lane] - self.busy.get(lane, 0)
        nodes = self.state.nodes
        while queue and free > 0:
            node = queue.popleft()
            if nodes[node] not in _STARTABLE:
                continue
            if self.state.interrupted and self._suspect(node):
                self.suspects.append(node)
                continue
            start.append(node)
            free -= 1
        if not queue:
            del self.lanes[lane]

    def _suspect(self, node: int) -> bool:
        """Whether this is the last try of a task that was interrupted: it runs alone."""
        if not self.state.interrupted.get(node):
            return False
        return self.state.spent.get(node, 0) >= self.graph.attempt_limit(node) - 1

    def _start_suspect(self, start: list[int]) -> None:
        while self.suspects and not start:
            node = self.suspects.popleft()
            if self.state.nodes[node] in _STARTABLE:
                self.alone = node
                start.append(node)

    def _wake(self) -> int | None:
        nodes, due = self.state.nodes, self.state.due
        while self.delayed:
            when, node = self.delayed[0]
            if nodes[node] == WAITING and due.get(node) == when:
                return when
            heappop(self.delayed)
        return None

    def _went_live(self, node: int) -> None:
        lane = self.graph.parent[node]
        self.live.add(node)
        self.busy[lane] = self.busy.get(lane, 0) + 1

    def _left(self, node: int) -> None:
        if node in self.live:
            self.live.remove(node)
            self.busy[self.graph.parent[node]] -= 1
            if node == self.alone:
                self.alone = None

    def _offer(self, node: int) -> None:
        """Put a node whose needs are resolved where it will be found."""
        status = self.state.nodes[node]
        if self.waiting[node] or self.blocked[node] or status not in _STARTABLE:
            return
        if not self.taken[node] and self.graph.needs[node]:
            self.to_skip.append(node)
        elif node >= self.graph.tasks:
            self.to_open.append(node)
        elif status == WAITING:
            heappush(self.delayed, (self.state.due[node], node))
        else:
            self._enqueue(node)

    def _enqueue(self, node: int) -> None:
        lane = self.graph.parent[node]
        queue = self.lanes.get(lane)
        if queue is None:
            self.lanes[lane] = deque((node,))
        else:
            queue.append(node)

    def _open(self, group: int) -> None:
        for line in self.graph.members[group]:
            first = line[0]
            self.waiting[first] -= 1
            self.taken[first] += 1
            if not self.waiting[first]:
                self._offer(first)
        if self._ripe(group):
            self.to_judge[group] = None

    def _whole(self, node: int) -> list[int]:
        """The node, and for a group everything inside it: what is skipped is skipped with all its members."""
        inside = self.graph.subtree(node) if node >= self.graph.tasks else ()
        return [node, *(inner for inner in inside if self.state.nodes[inner] == PENDING)]

    def _ripe(self, group: int) -> bool:
        """Whether the members' outcomes may be enough for a verdict."""
        spec, missing = self.graph.group(group), self.unsettled[group]
        return not missing or (missing < len(spec.members) and (spec.fail_fast or spec.decide_early))

    def _resolve(self, node: int, *, taken: bool, offer: bool = True) -> None:
        for target in self.graph.after[node]:
            self.waiting[target] -= 1
            if taken:
                self.taken[target] += 1
            if offer and not self.waiting[target]:
                self._offer(target)
        if self.graph.end_of[node] == node:
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
                for target in self._whole(follower):
                    if not self.blocked[target] and self.state.nodes[target] not in ENDED:
                        self.blocked[target] = 1
                        stack.append(target)

    def _member_settled(self, end: int, *, failed: bool) -> None:
        if self.member_done[end]:
            return
        self.member_done[end] = 1
        group = self.graph.parent[end]
        self.unsettled[group] -= 1
        spec = self.graph.group(group)
        if not self.unsettled[group] or spec.decide_early or (failed and spec.fail_fast):
            self.to_judge[group] = None

    def _group_succeeded(self, group: int) -> None:
        """A verdict of success turns the edges of members without success from blocked to dead."""
        nodes = self.state.nodes
        self._resolve(group, taken=True)
        if any(nodes[node] != SUCCEEDED for node in self.graph.subtree(group)) and self.graph.leaks(group):
            self.stale = True


_TAKES: dict[str, Callable[[Frontier, Any], None]] = {
    "TaskStarted": Frontier._went_live,
    "TaskSucceeded": Frontier._succeeded,
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
}
