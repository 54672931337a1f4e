"""Outcome: what a run came to, without what may differ between two runs of it: times, attempts, ids."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from durable.core.events import Event
from durable.core.state import RunState
from durable.core.transitions import FAILED, STATUSES
from durable.engine.run_view import RunView
from durable.values.payloads import Payload, encode
from durable.store import Store

Bytes = tuple[str, bytes] | None

_COUNTED = frozenset(
    {
        "CursorMoved", "FeedbackAnswered", "FeedbackRequested", "SignalAwaited", "SignalReceived", "StepSucceeded",
        "TaskIterated", "TasksScheduled", "TimerFired", "TimerStarted", "WaitExpired",
    }
)  # fmt: skip
"""What happens as often in a killed run as in one that was not killed."""


class Outcome(msgspec.Struct, frozen=True):
    """What a run came to.

    Attributes:
        status: the run's status.
        tasks, groups: status of each, by id.
        results: encoding and bytes of each result, by task.
        errors: one line for each failed task or group.
        channel, metadata: encoded values by key; a list's items are sorted, because parallel members
            append in the order in which they end.
        recorded: how often each durable call, iteration and the like was recorded.
    """

    status: str
    tasks: dict[str, str] = {}
    groups: dict[str, str] = {}
    results: dict[str, Bytes] = {}
    errors: dict[str, str] = {}
    channel: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    recorded: dict[str, int] = {}

    def differences(self, found: Outcome, *, loose: bool = False) -> list[str]:
        """Return one line for each difference of what was found from this.

        Args:
            found: the other outcome.
            loose: compare only the run and the verdicts.
        """
        lines = [] if self.status == found.status else [f"the run is {found.status}, not {self.status}"]
        parts = ("groups",) if loose else ("tasks", "groups", "results", "errors", "channel", "metadata", "recorded")
        for part in parts:
            expected, other = getattr(self, part), getattr(found, part)
            for key in sorted({*expected, *other}):
                if expected.get(key) != other.get(key):
                    lines.append(f"{part}: {key!r} is {other.get(key)!r}, not {expected.get(key)!r}")
        return lines


def read_outcome(store: Store, state: RunState) -> Outcome:
    """Return a run's outcome.

    Args:
        store: where the run is.
        state: its folded state.
    """
    view, graph = RunView(store, state), state.graph
    statuses = {
        name: STATUSES[state.nodes[node]] for node, name in ((node, graph.ids[node]) for node in range(graph.size))
    }
    return Outcome(
        state.status_name,
        {name: status for name, status in statuses.items() if not graph.is_group(graph.number(name))},
        {name: status for name, status in statuses.items() if graph.is_group(graph.number(name))},
        {
            graph.ids[node]: _payload(store, state, node)
            for node in range(graph.size)
            if not graph.is_group(node) and view.has_value(node)
        },
        {graph.ids[node]: _error(store, state, node) for node, status in enumerate(state.nodes) if status == FAILED},
        {key: _value(view.read_channel(key, cell)) for key, cell in state.channel.items()},
        {key: _value(view.load(seq)) for key, seq in state.metadata.items()},
        dict(Counter(_call(event) for event in store.read(state.run_id) if event.type in _COUNTED)),
    )


def _call(event: Event) -> str:
    fields = event.fields
    which = fields.get("id") or fields.get("mark") or fields.get("iteration") or ""
    return " ".join(filter(None, (event.type, event.task_id, str(which))))


def _payload(store: Store, state: RunState, node: int) -> Bytes:
    event = store.event(state.run_id, state.outcome[node])
    return None if event.encoding is None or event.payload is None else (event.encoding, bytes(event.payload))


def _error(store: Store, state: RunState, node: int) -> str:
    return str(store.event(state.run_id, state.outcome[node]).fields.get("error"))


def _value(value: Any) -> Any:
    if type(value) is list:
        return sorted((_bytes(encode(item)) for item in value), key=repr)
    return _bytes(encode(value))


def _bytes(payload: Payload | None) -> Bytes:
    return None if payload is None else (payload.encoding, payload.data)
