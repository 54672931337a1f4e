"""Replay: checkpoint + later events -> state, and the checkpoint's bytes.

The bytes are columns, squeezed; a checkpoint that this version does not know is ignored, because it
is only a cache of the fold.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import msgspec

from durable.core import channel
from durable.core.events import Event
from durable.core.expansion import Batch
from durable.core.fold import FOLDS, apply
from durable.core.fold_scheduling import SPARSE, regrow
from durable.core.graph import Graph
from durable.core.durable_calls import Marks
from durable.core.gc_pause import collections_paused
from durable.core.specs import Fragment
from durable.core.state import ReadGraph, RunState

CHECKPOINT_FORMAT = 4

_COLUMNS = ("attempts", "outcome", "started", "ended")
_BATCHES = 64
"""Batches of members that are squeezed together."""

_QUICK = 1
"""The level of compression: columns have little to find, and a checkpoint holds the driver up."""

_FORMAT = [CHECKPOINT_FORMAT, sys.byteorder, *(array(code).itemsize for code in "LQq")]

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
    seq = state.seq
    with collections_paused():
        for event in events:
            fold = FOLDS.get(event.type)
            if fold is None or event.seq != seq + 1:
                apply(state, event)  # says what is wrong
            else:  # what apply does: a log may have millions of events
                fold(state, event)
                state.seq = event.seq
                state.time = event.time
            seq += 1
    return state


def dump(state: RunState) -> bytes:
    """Return a state as a checkpoint's bytes."""
    whole: dict[str, Any] = {name: getattr(state, name) for name in _PLAIN}
    whole |= {name: squeezed(getattr(state, name)) for name in _COLUMNS}
    whole["nodes"] = zlib.compress(state.nodes, _QUICK)
    expansions = state.graph.expansions.by_group
    whole["batches"] = list(_dumped_batches(state))
    whole["complete"] = [group for group, expansion in expansions.items() if expansion.complete]
    whole["expected"] = {group: expansion.expected for group, expansion in expansions.items()}
    whole["cut"] = [group for group, expansion in expansions.items() if expansion.cut]
    whole["taken"] = {node: sorted(taken) for node, taken in state.taken.items()}
    whole["listening"], whole["requests"] = state.listening, state.requests
    whole["channel"] = {key: channel.operations(cell) for key, cell in state.channel.items()}
    whole["format"] = _FORMAT
    data = msgspec.msgpack.encode(whole)
    return sha256(data).digest() + data


def opened(data: bytes) -> dict[str, Any] | None:
    """Return what a checkpoint's bytes hold; None when they are damaged or of a format not known here."""
    if sha256(data[32:]).digest() != data[:32]:
        return None
    whole: dict[str, Any] = msgspec.msgpack.decode(data[32:], strict=False)
    return whole if whole.get("format") == _FORMAT else None


def fragments_of(whole: dict[str, Any]) -> list[int]:
    """Return the seqs of the TasksScheduled events that an opened checkpoint needs."""
    batches = {batch[0] for batch in _batches_of(whole)}
    return [seq for seq in whole["grown"] if seq not in batches]


def squeezed(column: array[int]) -> bytes:
    """Return a column's bytes, compressed: first the lowest byte of each number, then the next one, and so on.

    Numbers of a column are like those before them in their higher bytes; side by side these take no room.
    """
    flat = memoryview(column).cast("B")
    size = column.itemsize
    return zlib.compress(b"".join(bytes(flat[place::size]) for place in range(size)), _QUICK)


def unsqueezed(typecode: str, data: bytes) -> array[int]:
    """Undo ``squeezed``."""
    planes = zlib.decompress(data)
    size = array(typecode).itemsize
    count = len(planes) // size
    flat = bytearray(len(planes))
    for place in range(size):
        flat[place::size] = planes[place * count : (place + 1) * count]
    column = array(typecode)
    column.frombytes(flat)
    return column


def _dumped_batches(state: RunState) -> Iterator[bytes]:
    """Yield the batches of members, some at a time: the keys of all of them at once may be many megabytes."""
    found: list[Batch] = [
        batch for expansion in state.graph.expansions.by_group.values() for batch in expansion.batches
    ]
    for begin in range(0, len(found), _BATCHES):
        rows = [(one.seq, one.group, one.count, one.keys, one.digest) for one in found[begin : begin + _BATCHES]]
        yield zlib.compress(msgspec.msgpack.encode(rows), _QUICK)


def _batches_of(whole: dict[str, Any]) -> Iterator[tuple[int, int, int, str | None, str]]:
    for data in whole["batches"]:
        yield from msgspec.msgpack.decode(zlib.decompress(data), type=list[tuple[int, int, int, str | None, str]])


def restore(
    run_id: str,
    whole: dict[str, Any],
    created: Event,
    definition: Event,
    grown: Iterable[Event],
    read_graph: ReadGraph,
) -> RunState:
    """Return the state that an opened checkpoint holds; its numbers are those of the log's own order of growth.

    Args:
        run_id: the run.
        whole: what ``opened`` returned.
        created: the run's first event.
        definition: the event that ``whole["definition_seq"]`` names.
        grown: the events that ``fragments_of`` names.
        read_graph: makes the graph of a definition in the log.
    """
    state = RunState(run_id, read_graph)
    graph = read_graph(definition)
    assert isinstance(graph, Graph)
    state.set_graph(graph)
    _regrow_all(state, whole, iter(grown))
    state.created = created
    state.restored = whole["seq"]
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
    state.nodes = bytearray(zlib.decompress(whole["nodes"]))
    for name in _COLUMNS:
        setattr(state, name, unsqueezed(getattr(state, name).typecode, whole[name]))
    cells = {key: channel.rebuild((op, argument) for op, argument in found) for key, found in whole["channel"].items()}
    state.channel = {key: cell for key, cell in cells.items() if cell is not None}
    return state


def _regrow_all(state: RunState, whole: dict[str, Any], grown: Iterator[Event]) -> None:
    """Let the graph grow as it had, in the same order, so that all nodes have their numbers."""
    batches = {batch[0]: batch for batch in _batches_of(whole)}
    for seq in whole["grown"]:
        batch = batches.get(seq)
        if batch is not None:
            _, group, count, keys, digest = batch
            state.expand(group, count, seq, keys, digest, complete=False)
            continue
        event = next(grown)
        fragment = state.read_graph(event)
        assert isinstance(fragment, Fragment)
        assert event.task_id is not None
        regrow(state, event.task_id, fragment)
    for group in whole["complete"]:
        state.graph.expansions.by_group[group].complete = True
    for group, expected in whole["expected"].items():
        state.graph.expansions.by_group[int(group)].expected = expected
    for group in whole["cut"]:
        state.graph.expansions.by_group[group].cut = True
