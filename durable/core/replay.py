"""Replay: checkpoint + later events -> state, and the checkpoint's bytes.

The bytes are columns, copied; a checkpoint that this version does not know is ignored, because it
is only a cache of the fold.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from durable.core import channel
from durable.core.events import Event
from durable.core.fold import apply
from durable.core.fold_growth import SPARSE, regrow
from durable.core.graph import Graph
from durable.core.marks import Marks
from durable.core.pausing import collections_paused
from durable.core.specs import Fragment
from durable.core.state import ReadGraph, RunState

CHECKPOINT_FORMAT = 2

_COLUMNS = ("attempts", "outcome", "started", "ended")
_PLAIN = (
    "seq", "time", "status", "error_seq", "definition_seq", "drive_began", "steps", "metadata", "orphans",
    "run_deadline", "signals", "grown", "result_seq", *SPARSE,
)  # fmt: skip


def replay(state: RunState, events: Iterable[Event]) -> RunState:
    """Fold events into a state and return it.

    Args:
        state: a new one, or one restored from a checkpoint.
        events: the events that follow it, in order, verified.

    Raises:
        LogCorrupt, UnknownEvent, IllegalTransition: the log cannot be folded.
    """
    with collections_paused():
        for event in events:
            apply(state, event)
    return state


def dump(state: RunState) -> bytes:
    """Return a state as a checkpoint's bytes."""
    whole: dict[str, Any] = {name: getattr(state, name) for name in _PLAIN}
    whole |= {name: getattr(state, name).tobytes() for name in _COLUMNS}
    whole["nodes"] = bytes(state.nodes)
    whole["taken"] = {node: sorted(taken) for node, taken in state.taken.items()}
    whole["listening"], whole["requests"] = state.listening, state.requests
    whole["channel"] = {key: channel.operations(cell) for key, cell in state.channel.items()}
    whole["format"] = [CHECKPOINT_FORMAT, sys.byteorder, array("L").itemsize]
    data = msgspec.msgpack.encode(whole)
    return sha256(data).digest() + data


def opened(data: bytes) -> dict[str, Any] | None:
    """Return what a checkpoint's bytes hold; None when they are damaged or of a format not known here."""
    if sha256(data[32:]).digest() != data[:32]:
        return None
    whole: dict[str, Any] = msgspec.msgpack.decode(data[32:], strict=False)
    known = whole.get("format") == [CHECKPOINT_FORMAT, sys.byteorder, array("L").itemsize]
    return whole if known else None


def restore(
    run_id: str,
    whole: dict[str, Any],
    created: Event,
    definition: Event,
    grown: Iterable[Event],
    read_graph: ReadGraph,
) -> RunState:
    """Return the state that an opened checkpoint holds.

    Args:
        run_id: the run.
        whole: what ``opened`` returned.
        created: the run's first event.
        definition: the event that ``whole["definition_seq"]`` names.
        grown: the events that ``whole["grown"]`` names.
        read_graph: makes the graph of a definition in the log.
    """
    state = RunState(run_id, read_graph)
    graph = read_graph(definition)
    assert isinstance(graph, Graph)
    state.set_graph(graph)
    for event in grown:
        fragment = read_graph(event)
        assert isinstance(fragment, Fragment)
        assert event.task_id is not None
        regrow(state, event.task_id, fragment)
    state.created = created
    for name in _PLAIN:
        setattr(state, name, whole[name])
    for name in SPARSE:
        setattr(state, name, {int(node): value for node, value in whole[name].items()})
    state.orphans = {name: (status, outcome) for name, (status, outcome) in whole["orphans"].items()}
    state.iterations = {node: (number, seq, before) for node, (number, seq, before) in state.iterations.items()}
    state.marks = msgspec.convert(state.marks, dict[int, Marks])
    state.taken = {int(node): frozenset(taken) for node, taken in whole["taken"].items()}
    state.listening = msgspec.convert(whole["listening"], dict[str, list[tuple[int, str, int]]])
    state.requests = msgspec.convert(whole["requests"], dict[str, tuple[int, str, int, int]])
    state.nodes = bytearray(whole["nodes"])
    for name in _COLUMNS:
        column = getattr(state, name)
        setattr(state, name, array(column.typecode, whole[name]))
    cells = {key: channel.rebuild((op, argument) for op, argument in found) for key, found in whole["channel"].items()}
    state.channel = {key: cell for key, cell in cells.items() if cell is not None}
    return state
