"""Replay: checkpoint + later events -> state, and the checkpoint's bytes.

The bytes are columns, copied; a checkpoint that this version does not know is ignored, because it
is only a cache of the fold.
"""

from __future__ import annotations

import gc
import sys
from array import array
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from durable.core import channel
from durable.core.events import Event
from durable.core.fold import apply
from durable.core.state import ReadGraph, RunState

CHECKPOINT_FORMAT = 1

_COLUMNS = ("attempts", "outcome", "started", "ended")
_PLAIN = (
    "seq", "time", "status", "error_seq", "definition_seq", "drive_began", "steps", "metadata", "orphans",
    "spent", "interrupted", "due", "driven", "rejudged",
)  # fmt: skip
_SPARSE = ("spent", "interrupted", "due", "driven", "rejudged")


def replay(state: RunState, events: Iterable[Event]) -> RunState:
    """Fold events into a state and return it.

    Args:
        state: a new one, or one restored from a checkpoint.
        events: the events that follow it, in order, verified.

    Raises:
        LogCorrupt, UnknownEvent, IllegalTransition: the log cannot be folded.
    """
    was_enabled = gc.isenabled()
    gc.disable()  # a fold makes many small objects and no cycles: collections only cost
    try:
        for event in events:
            apply(state, event)
    finally:
        if was_enabled:
            gc.enable()
    return state


def dump(state: RunState) -> bytes:
    """Return a state as a checkpoint's bytes."""
    whole: dict[str, Any] = {name: getattr(state, name) for name in _PLAIN}
    whole |= {name: getattr(state, name).tobytes() for name in _COLUMNS}
    whole["nodes"] = bytes(state.nodes)
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


def restore(run_id: str, whole: dict[str, Any], created: Event, definition: Event, read_graph: ReadGraph) -> RunState:
    """Return the state that an opened checkpoint holds.

    Args:
        run_id: the run.
        whole: what ``opened`` returned.
        created: the run's first event.
        definition: the event that ``whole["definition_seq"]`` names.
        read_graph: makes the graph of a definition in the log.
    """
    state = RunState(run_id, read_graph)
    state.set_graph(read_graph(definition))
    state.created = created
    for name in _PLAIN:
        setattr(state, name, whole[name])
    for name in _SPARSE:
        setattr(state, name, {int(node): value for node, value in whole[name].items()})
    state.orphans = {name: (status, outcome) for name, (status, outcome) in whole["orphans"].items()}
    state.nodes = bytearray(whole["nodes"])
    for name in _COLUMNS:
        column = getattr(state, name)
        setattr(state, name, array(column.typecode, whole[name]))
    cells = {key: channel.rebuild((op, argument) for op, argument in found) for key, found in whole["channel"].items()}
    state.channel = {key: cell for key, cell in cells.items() if cell is not None}
    return state
