"""Recover: checkpoint + later events -> the state of a run, verified. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from durable.core.digest import START, verified
from durable.core.events import Event
from durable.core.gc_pause import collections_paused
from durable.core.graph import Graph
from durable.core.replay import fragments_of, opened, replay, restore
from durable.core.specs import Definition, Fragment
from durable.core.state import ReadGraph, RunState
from durable.definition.fragments import decode_fragment
from durable.engine.verified_log import VerifiedLog
from durable.errors import LogCorrupt, RunNotFound
from durable.store import Checkpoint, Store, refuse_pruned
from durable.values.payloads import Payload, decode_raw, encode_raw

if TYPE_CHECKING:
    from durable.definition.compile import Compiled

_FEW = 32
_decode = msgspec.json.Decoder(Definition).decode
_encode = msgspec.json.Encoder().encode


def read_graph(event: Event) -> Graph | Fragment:
    """Return the graph of the definition, or the fragment, that an event carries."""
    try:
        if event.type == "TasksScheduled":
            return decode_fragment(event.encoding, event.payload)
        return Graph(_decode(decode_raw(event.encoding, event.payload)[1]))
    except msgspec.MsgspecError as error:
        raise LogCorrupt(f"the recorded definition cannot be read: {error}", seq=event.seq) from None


class GraphReader:
    """Makes the graphs of recorded definitions; the one that live code has made already is taken from there.

    Args:
        code: the live workflow.
    """

    def __init__(self, code: Compiled) -> None:
        self._code = code
        self._given = False

    def __call__(self, event: Event) -> Graph | Fragment:
        """Return what ``read_graph`` returns."""
        code = self._code
        if self._given or event.type == "TasksScheduled":
            return read_graph(event)
        if decode_raw(event.encoding, event.payload)[1] != _encode(code.definition):
            return read_graph(event)
        self._given = True  # a graph grows with its run: a definition that comes back gets one of its own
        return code.graph

    def settle(self, state: RunState) -> None:
        """Give the code a graph of its own again, if that of the state turned out to be another one."""
        if self._given and state.graph is not self._code.graph:
            self._code.graph = Graph(self._code.definition)


def encode_definition(definition: Definition) -> Payload:
    """Return a definition as a payload."""
    return encode_raw(_encode(definition), "json")


def load(store: Store, run_id: str, *, use_checkpoints: bool = True, code: Compiled | None = None) -> RunState:
    """Return the folded state of a run, as it was when this was called: its driver may append meanwhile.

    Args:
        store: where its log is.
        run_id: the run.
        use_checkpoints: False folds the whole log, which must give the same.
        code: the live workflow, if the caller has it: where it is what was recorded, its graph becomes the state's.

    Raises:
        RunNotFound: there is no such run.
        RunPruned: its events are gone.
        LogCorrupt: the log is damaged; the message names where.
    """
    info = store.run(run_id)
    if info is not None:
        refuse_pruned(info)
    reader = GraphReader(code) if code is not None else None
    until = info.seq if info is not None else 0
    with collections_paused():
        state = _folded(store, run_id, use_checkpoints, until, reader or read_graph)
    if reader is not None:
        reader.settle(state)
    if info is None or not state.seq:
        raise RunNotFound(f"there is no run {run_id!r}", hint=f"See durable runs --store {store.url}")
    if info.status in ("succeeded", "cancelled") and state.status_name != info.status:
        raise LogCorrupt(
            f"the run is listed as {info.status}, but its log ends while it is {state.status_name}: its end is missing",
            run_id=run_id,
            seq=state.seq,
            hint="Restore the store from a backup",
        )
    return state


def _folded(store: Store, run_id: str, use_checkpoints: bool, until: int, reader: ReadGraph) -> RunState:
    for checkpoint in store.checkpoints(run_id) if use_checkpoints else ():
        state = _restored(store, run_id, checkpoint, reader)
        if state is not None:
            return _replayed(store, state, checkpoint.digest, until)
    return _replayed(store, RunState(run_id, reader), START, until)


def _restored(store: Store, run_id: str, checkpoint: Checkpoint, reader: ReadGraph) -> RunState | None:
    whole = opened(checkpoint.state)
    if whole is None:
        import logging  # 3 ms, for what hardly ever happens

        logging.getLogger("durable.engine").warning(
            "run %s: the checkpoint at seq %d is not usable and is ignored", run_id, checkpoint.seq
        )
        return None
    if list(store.digests(run_id, checkpoint.seq - 1, checkpoint.seq)) != [(checkpoint.seq, checkpoint.digest)]:
        raise LogCorrupt(
            f"a checkpoint was taken at seq {checkpoint.seq}, and the log does not have that append any more",
            run_id=run_id,
            seq=checkpoint.seq,
            hint="Restore the store from a backup",
        )
    log = VerifiedLog(store, run_id, checkpoint.seq)
    created = log.event(1)
    definition = created if whole["definition_seq"] == 1 else log.event(whole["definition_seq"])
    return restore(run_id, whole, created, definition, _grown(log, fragments_of(whole)), reader)


def _grown(log: VerifiedLog, seqs: list[int]) -> Iterator[Event]:
    """Yield the events in which tasks were scheduled; many are read from the store in one pass."""
    if len(seqs) <= _FEW:
        yield from (log.event(seq) for seq in seqs)
        return
    wanted = set(seqs)
    yield from (event for event in log.read(seqs[0], seqs[-1]) if event.seq in wanted)


def _replayed(store: Store, state: RunState, digest: bytes, until: int) -> RunState:
    """Fold what follows; not what was appended since, which would be read beside digests that lack it."""
    run_id, after = state.run_id, state.seq
    events = verified(run_id, store.read(run_id, after, until), store.digests(run_id, after, until), digest)
    return replay(state, events)
