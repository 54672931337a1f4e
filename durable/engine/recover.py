"""Recover: checkpoint + later events -> the state of a run, verified. It writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec

from durable.core.digest import START, verified
from durable.core.events import Event
from durable.core.graph import Graph
from durable.core.replay import fragments_of, opened, replay, restore
from durable.core.specs import Definition, Fragment
from durable.core.state import RunState
from durable.definition.recipes import decode_fragment
from durable.errors import LogCorrupt, RunNotFound
from durable.payloads import Payload, decode_raw, encode_raw
from durable.store import Checkpoint, Store

_FEW = 32
_log = logging.getLogger("durable.engine")

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


def encode_definition(definition: Definition) -> Payload:
    """Return a definition as a payload."""
    return encode_raw(_encode(definition), "json")


def load(store: Store, run_id: str, *, use_checkpoints: bool = True) -> RunState:
    """Return the folded state of a run, as it was when this was called: its driver may append meanwhile.

    Args:
        store: where its log is.
        run_id: the run.
        use_checkpoints: False folds the whole log, which must give the same.

    Raises:
        RunNotFound: there is no such run.
        LogCorrupt: the log is damaged; the message names where.
    """
    info = store.run(run_id)
    state = _folded(store, run_id, use_checkpoints, info.seq if info is not None else 0)
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


def _folded(store: Store, run_id: str, use_checkpoints: bool, until: int) -> RunState:
    for checkpoint in store.checkpoints(run_id) if use_checkpoints else ():
        state = _restored(store, run_id, checkpoint)
        if state is not None:
            return _replayed(store, state, checkpoint.digest, until)
    return _replayed(store, RunState(run_id, read_graph), START, until)


def _restored(store: Store, run_id: str, checkpoint: Checkpoint) -> RunState | None:
    whole = opened(checkpoint.state)
    if whole is None:
        _log.warning("run %s: the checkpoint at seq %d is not usable and is passed over", run_id, checkpoint.seq)
        return None
    if list(store.digests(run_id, checkpoint.seq - 1, checkpoint.seq)) != [(checkpoint.seq, checkpoint.digest)]:
        raise LogCorrupt(
            f"a checkpoint was taken at seq {checkpoint.seq}, and the log does not have that append any more",
            run_id=run_id,
            seq=checkpoint.seq,
            hint="Restore the store from a backup",
        )
    created = store.event(run_id, 1)
    definition = created if whole["definition_seq"] == 1 else store.event(run_id, whole["definition_seq"])
    return restore(run_id, whole, created, definition, _grown(store, run_id, fragments_of(whole)), read_graph)


def _grown(store: Store, run_id: str, seqs: list[int]) -> Iterator[Event]:
    """Yield the events in which tasks were scheduled; many are read from the store in one pass."""
    if len(seqs) <= _FEW:
        yield from (store.event(run_id, seq) for seq in seqs)
        return
    wanted = set(seqs)
    yield from (event for event in store.read(run_id, seqs[0] - 1, seqs[-1]) if event.seq in wanted)


def _replayed(store: Store, state: RunState, digest: bytes, until: int) -> RunState:
    """Fold what follows; not what was appended since, which would be read beside digests that lack it."""
    run_id, after = state.run_id, state.seq
    events = verified(run_id, store.read(run_id, after, until), store.digests(run_id, after, until), digest)
    return replay(state, events)
