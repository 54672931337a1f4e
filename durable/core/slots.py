"""Slots: which of the tasks that may start do start, and when.

A pool is a group, or everything outside of groups; it has a limit. Tasks that back off wait for their
time, and the last try of a task that was interrupted runs alone, so that one which kills its process
does not use up the attempts of its innocent siblings. Slots do not know why a task may start.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from math import ceil

from durable.core.graph import COROUTINES, ROOT
from durable.core.specs import GroupSpec
from durable.core.state import RunState
from durable.core.transitions import INTERRUPTED, PENDING, SUSPENDED, WAITING

UNLIMITED = 1 << 30

_CATCH_UP = 50_000
"""Microseconds of starts that a paced pool catches up with after the driver was busy."""

STARTABLE = frozenset({PENDING, INTERRUPTED, WAITING, SUSPENDED})
"""Statuses from which a task starts."""


class Slots:
    """The tasks that may start, wait or run.

    Args:
        state: the folded state.
        default_limit: how many tasks of a group run at once when its definition does not say.
        processes: the same for a group of worker processes; None for ``default_limit``.

    Attributes:
        queues: tasks that may start, by pool.
        live: tasks that run; busy: how many of them, by pool.
        chunks: of how many tasks those are that are handed over together, by pool.
        delayed: ``(due, task)`` of tasks that back off, a heap.
        suspects: tasks whose next try is to run alone; alone: the one that does.
    """

    def __init__(self, state: RunState, default_limit: int, processes: int | None = None) -> None:
        graph = state.graph
        self._state = state
        self._graph = graph
        self._default_limit = default_limit
        self._processes = processes or default_limit
        self._limits = {ROOT: 1, COROUTINES: UNLIMITED}
        self._rates: dict[int, Pace] = {}
        self.chunks: dict[int, int] = {}
        for group in graph.members:
            self.add_group(group)
        self.queues: dict[int, deque[int]] = {}
        self.live: set[int] = set()
        self.busy: dict[int, int] = {}
        self.delayed: list[tuple[int, int]] = []
        self.suspects: deque[int] = deque()
        self.alone: int | None = None

    def keep_pace(self, before: Slots) -> None:
        """Continue at the rate of the pools that these take the place of: what is reopened starts no sooner."""
        if before._graph is self._graph:
            self._rates.update(before._rates)

    def add_group(self, group: int) -> None:
        """Make the pool of a group."""
        spec = self._graph.group(group)
        self._limits[group] = _limit(spec, self._default_limit, self._processes) * spec.chunk
        if spec.chunk > 1:
            self.chunks[group] = spec.chunk
        if spec.rate is not None:
            self._rates[group] = Pace(spec.rate)

    def enqueue(self, node: int) -> None:
        """Let a task start as soon as its pool has room."""
        pool = self._graph.pool[node]
        queue = self.queues.get(pool)
        if queue is None:
            self.queues[pool] = deque((node,))
        else:
            queue.append(node)

    def delay(self, node: int) -> None:
        """Let a task that backs off start once that is over."""
        heappush(self.delayed, (self._state.due[node], node))

    def went_live(self, node: int) -> None:
        """Take note that a task was started."""
        pool = self._graph.pool[node]
        self.live.add(node)
        self.busy[pool] = self.busy.get(pool, 0) + 1

    def left(self, node: int) -> None:
        """Take note that a task, if it was running, does not run any more."""
        live = self.live
        if node in live:
            live.remove(node)
            self.busy[self._graph.pool[node]] -= 1
            if node == self.alone:
                self.alone = None

    def starts(self, now: int, allowed: int | None) -> list[int]:
        """Take out and return the tasks to start now.

        Args:
            now: microseconds since 1970.
            allowed: at most so many; None for no limit.
        """
        if self.delayed:
            self._awake(now)
        start: list[int] = []
        if self.alone is None:
            if self.queues:
                for pool in list(self.queues):
                    self._fill(pool, start, now)
            if self.suspects and not start and not self.live:
                self._start_suspect(start)
        if allowed is not None and len(start) > allowed:
            self._hold_back(start, max(allowed, 0))
        return start

    def wake(self) -> int | None:
        """When the next back-off is over, or a paced task may start, microseconds since 1970; None for never."""
        found = [pace.free for pool, pace in self._rates.items() if pool in self.queues and self._room(pool)]
        while self.delayed:
            when, node = self.delayed[0]
            if self._backs_off(when, node):
                found.append(when)
                break
            heappop(self.delayed)
        return min(found, default=None)

    @property
    def timed(self) -> bool:
        """Whether time may let something start."""
        return bool(self.delayed or self._rates)

    def _room(self, pool: int) -> int:
        return self._limits[pool] - self.busy.get(pool, 0)

    def _awake(self, now: int) -> None:
        while self.delayed and self.delayed[0][0] <= now:
            when, node = heappop(self.delayed)
            if self._backs_off(when, node):
                self.enqueue(node)

    def _backs_off(self, when: int, node: int) -> bool:
        """Whether an entry of ``delayed`` still holds."""
        return self._state.nodes[node] == WAITING and self._state.due.get(node) == when

    def _fill(self, pool: int, start: list[int], now: int) -> None:
        queue, state = self.queues[pool], self._state
        free = self._limits[pool] - self.busy.get(pool, 0)
        if pool in self._rates:
            free = self._rates[pool].allow(min(free, len(queue)), now)
        elif pool in self.chunks and free < len(queue):
            free -= free % self.chunks[pool]  # a chunk is handed over whole
        nodes, interrupted = state.nodes, state.interrupted
        while queue and free > 0:
            node = queue.popleft()
            if nodes[node] not in STARTABLE:
                continue  # closed meanwhile
            if interrupted and self._suspect(node):
                self.suspects.append(node)
                continue
            start.append(node)
            free -= 1
        if not queue:
            del self.queues[pool]

    def _suspect(self, node: int) -> bool:
        """Whether this is the last try of a task that was interrupted."""
        if not self._state.interrupted.get(node):
            return False
        return self._state.spent.get(node, 0) >= self._graph.attempt_limit(node) - 1

    def _start_suspect(self, start: list[int]) -> None:
        while self.suspects and not start:
            node = self.suspects.popleft()
            if self._state.nodes[node] in STARTABLE:
                self.alone = node
                start.append(node)

    def _hold_back(self, start: list[int], allowed: int) -> None:
        """Put back what may not start now."""
        for node in reversed(start[allowed:]):
            if node == self.alone:
                self.alone = None
            self.queues.setdefault(self._graph.pool[node], deque()).appendleft(node)
        del start[allowed:]


class Pace:
    """At most so many starts in a second, evenly spaced; what was missed is caught up with a little at a time.

    Args:
        rate: starts in a second.
    """

    def __init__(self, rate: float) -> None:
        self._gap = 1e6 / rate
        self._next = 0.0

    @property
    def free(self) -> int:
        """When the next start is allowed."""
        return ceil(self._next)

    def allow(self, wanted: int, now: int) -> int:
        """Return how many of the wanted starts are allowed now, and count them."""
        if not self._next or self._next > now + self._gap:  # the first, or the clock was set back
            self._next = now
        self._next = max(self._next, now - _CATCH_UP)
        count = min(wanted, int((now - self._next) // self._gap) + 1) if now >= self._next else 0
        self._next += count * self._gap
        return count


def _limit(spec: GroupSpec, default_limit: int, processes: int) -> int:
    if spec.backend == "direct":
        return 1
    if spec.limit:
        return spec.limit
    return {"asyncio": UNLIMITED, "process": processes}.get(spec.backend, default_limit)
