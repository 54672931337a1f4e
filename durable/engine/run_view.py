"""RunView: what task bodies and policies may read of a run, from any thread.

Only committed facts can be seen. Values are decoded from the recorded bytes each time they are asked
for, so that a live run and a resumed one see the same, and nobody can change what others see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from durable.core import channel
from durable.core.events import Event
from durable.core.results import ErrorRecord, TaskResult
from durable.core.state import RunState
from durable.core.transitions import STATUSES, SUCCEEDED
from durable.engine.map_results import MapValues
from durable.engine.verified_log import VerifiedLog
from durable.errors import DefinitionError
from durable.store import Store
from durable.values.failures import decode_error
from durable.values.payloads import decode

CACHE_BYTES = 32 * 1024 * 1024
"""Encoded payloads cached for consumers, per run."""
_ENTRY_BYTES = 320
_NONE_BYTES = 160
_NOTHING = (None, None)
_FEW = 8
_NEAR = 40
"""Events between two wanted ones that are read with them rather than passed over by another query."""


class RunView:
    """Reads a run's committed results, channel and metadata.

    Args:
        store: where payloads are loaded from when they are not cached.
        state: the folded state, owned by the driver.
    """

    def __init__(self, store: Store, state: RunState) -> None:
        self.store = store
        self.state = state
        self.run_id = state.run_id
        self._log = VerifiedLog(store, state.run_id, state.restored)
        self.committed = state.seq
        self.channel = dict(state.channel)
        self.metadata = dict(state.metadata)
        self._bytes: dict[int, tuple[str | None, bytes | None]] = {}
        self._held = 0

    def publish(self, events: Sequence[Event]) -> None:
        """Let readers see what these events, now committed, brought."""
        kept = self._bytes
        for event in events:
            kind = event.type
            if kind == "TaskStarted":
                continue
            if kind == "TaskSucceeded":
                payload = event.payload
                kept[event.seq] = _NOTHING if payload is None else (event.encoding, payload)
                self._held += _taken(payload)
            elif kind in _KEPT:
                self._keep(event)
        if self._held > CACHE_BYTES:
            self._evict()
        self.committed = events[-1].seq

    def event(self, seq: int) -> Event:
        """Return one committed event, verified."""
        return self._log.event(seq)

    def load(self, seq: int) -> Any:
        """Return the decoded payload of one event, a fresh value."""
        held = self._bytes.get(seq)
        if held is None:
            event = self._log.event(seq)
            held = (event.encoding, event.payload)
        return decode(*held)

    def load_error(self, seq: int) -> ErrorRecord:
        """Return the error that one event records."""
        event = self._log.event(seq)
        return decode_error(event.encoding, event.payload)

    def has_value(self, node: int) -> bool:
        """Whether the node succeeded and that is committed."""
        state = self.state
        # The driver sets the status first: an outcome of 0 is one that it is about to set.
        return state.nodes[node] == SUCCEEDED and 0 < state.outcome[node] <= self.committed

    def value(self, node: int) -> Any:
        """Return the value of a node that has one: a task's result, or ``{member: value}`` of a group or map."""
        if self.state.graph.grouped[node]:
            return self.member_values(node)
        return self.load(self.state.outcome[node])

    def member_values(self, group: int) -> Mapping[str, Any]:
        """Return the values of a group's successful members by name, in definition order."""
        graph = self.state.graph
        if group in graph.expansions.by_group:
            return MapValues(self, graph.expansions.by_group[group])
        ends = [end for end in (line[-1] for line in graph.members[group]) if self.has_value(end)]
        return self.values(ends, graph.name)

    def values(self, nodes: Sequence[int], name_of: Callable[[int], str]) -> dict[str, Any]:
        """Return the values of nodes that have one, by name; many are read from the store in one pass."""
        grouped = self.state.graph.grouped
        outcome, held = self.state.outcome, self._bytes
        # Looked up one by one: a difference of sets would go over all that is held, for each few hundred nodes.
        wanted = {outcome[node] for node in nodes if not grouped[node] and outcome[node] not in held}
        found: dict[int, Any] = {}
        for begin, end in _runs(sorted(wanted)):
            for event in self._log.read(begin, end):
                if event.seq in wanted:
                    found[event.seq] = decode(event.encoding, event.payload)
        return {name_of(node): found[outcome[node]] if outcome[node] in found else self.value(node) for node in nodes}

    def result(self, task_id: str, default: Any = None, near: int = -1) -> Any:
        """Return the value of a task or group by id, or the default when it has none (yet)."""
        node = self.state.graph.find(task_id, near)
        if node is None:
            raise DefinitionError(f"the run has no task or group {task_id!r}", run_id=self.run_id)
        return self.value(node) if self.has_value(node) else default

    def read_channel(self, key: str, cell: channel.Cell) -> Any:
        """Return the value of a channel cell."""
        return channel.read(key, cell, self.load)

    def task_result(self, line: list[int]) -> TaskResult:
        """Return the outcome of a member as policies see it.

        A member that did not reach its end failed where one of its nodes did.
        """
        state = self.state
        end = line[-1]
        where = end
        if state.nodes[end] != SUCCEEDED:
            where = next((node for node in line if state.nodes[node] in _FAILURES), end)
        status = STATUSES[state.nodes[where]]
        success = status == "succeeded"
        return TaskResult(
            state.graph.name(end),
            success,
            None if success else self._message(where, end),
            state.seconds(where),
            state.ended[where] / 1e6,
            status=status if status in _OUTCOMES else "skipped",
            attempts=state.attempts[end] if where == end else state.attempts[where],
            load=lambda: (self.value(end), None) if success else (None, self._error(where)),
        )

    def _message(self, where: int, end: int) -> str:
        state = self.state
        status = STATUSES[state.nodes[where]]
        if not state.outcome[where]:
            return "skipped: what it depends on did not succeed"
        event = self._log.event(state.outcome[where])
        said = event.fields.get("error") or event.fields.get("reason") or status
        return str(said) if where == end else f"{state.graph.ids[where]}: {said}"

    def _error(self, where: int) -> ErrorRecord | None:
        seq = self.state.outcome[where]
        return self.load_error(seq) if seq and STATUSES[self.state.nodes[where]] in ("failed", "timed_out") else None

    def _keep(self, event: Event) -> None:
        self._bytes[event.seq] = (event.encoding, event.payload)
        self._held += _taken(event.payload)
        if event.type == "ChannelWritten":
            _copy(event.fields["key"], self.state.channel, self.channel)
        elif event.type == "MetadataWritten":
            _copy(event.fields["key"], self.state.metadata, self.metadata)

    def _evict(self) -> None:
        """Let the older half go: one by one from the front of a dict would take longer the more went before."""
        newer = list(self._bytes.items())[len(self._bytes) // 2 :]
        self._held = sum(_taken(payload) for _, (_, payload) in newer)
        if self._held > CACHE_BYTES:  # one that is larger than all the room there is
            newer, self._held = [], 0
        self._bytes = dict(newer)


def _taken(payload: bytes | None) -> int:
    """About how much memory a cached entry takes, in bytes."""
    return _NONE_BYTES if payload is None else _ENTRY_BYTES + len(payload)


def _runs(seqs: Sequence[int]) -> list[tuple[int, int]]:
    """Find stretches of the log that are worth reading as a whole: first and last number of each.

    Args:
        seqs: the wanted numbers, sorted.
    """
    found: list[tuple[int, int]] = []
    begin = 0
    for place in range(1, len(seqs) + 1):
        if place == len(seqs) or seqs[place] - seqs[place - 1] > _NEAR:
            if place - begin > _FEW:
                found.append((seqs[begin], seqs[place - 1]))
            begin = place
    return found


def _copy(key: str, source: dict[str, Any], target: dict[str, Any]) -> None:
    if key in source:
        target[key] = source[key]
    else:
        target.pop(key, None)


_KEPT = frozenset({"StepSucceeded", "TaskIterated", "ChannelWritten", "MetadataWritten"})
_OUTCOMES = frozenset({"succeeded", "failed", "cancelled", "timed_out", "skipped"})
_FAILURES = frozenset(STATUSES.index(name) for name in ("failed", "timed_out", "cancelled"))
