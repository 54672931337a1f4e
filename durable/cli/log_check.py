"""Checking one run's log from its first byte to its last. It writes nothing and unpickles nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from durable.core.digest import verified
from durable.core.events import Event
from durable.core.replay import dump, replay
from durable.core.state import RunState
from durable.engine.load import load, read_graph
from durable.errors import DurableError, LogCorrupt
from durable.values.payloads import decode_raw
from durable.store import RunInfo, Store


class Finding(msgspec.Struct):
    """What a check found.

    Attributes:
        run_id: the run.
        events, payloads: how many were found right.
        problem: what is damaged; "" when nothing is.
        seq: where, when that is known.
    """

    run_id: str
    events: int = 0
    payloads: int = 0
    problem: str = ""
    seq: int | None = None


def check(store: Store, run_id: str) -> Finding:
    """Check a run's log; what is wrong with it is returned, not raised."""
    finding = Finding(run_id)
    try:
        info = store.run(run_id)
        if info is not None:  # deleted meanwhile: nothing to check
            _check(store, info, finding)
    except DurableError as error:
        finding.problem = error.message
        finding.seq = error.seq if error.seq is not None else finding.seq
    except Exception as error:  # damage that nobody has thought of
        finding.problem = f"{type(error).__name__}: {error}"
    return finding


def _check(store: Store, info: RunInfo, finding: Finding) -> None:
    run_id, seq = info.run_id, info.seq  # what is appended meanwhile is left out
    state = RunState(run_id, read_graph)
    events = verified(run_id, store.read(run_id, 0, seq), store.digests(run_id, 0, seq))
    replay(state, _unwrapped(events, finding))
    if state.seq != seq:
        raise LogCorrupt(f"the log ends at seq {state.seq} and should end at seq {seq}", run_id=run_id, seq=state.seq)
    if state.status_name != info.status:
        raise LogCorrupt(f"the run is listed as {info.status}, but its log says {state.status_name}", run_id=run_id)
    shortcut = load(store, run_id)  # from a checkpoint, if there is one
    replay(state, store.read(run_id, state.seq, shortcut.seq))
    if dump(state) != dump(shortcut):
        raise LogCorrupt("the checkpoint and the events after it do not lead to the same as all events", run_id=run_id)


def _unwrapped(events: Iterable[Event], finding: Finding) -> Iterator[Event]:
    """Pass events on, once their payloads were unwrapped and their fields decoded."""
    for event in events:
        finding.seq = event.seq
        kind, raw = decode_raw(event.encoding, event.payload)
        if kind == "json":
            msgspec.json.decode(raw)
        finding.payloads += bool(kind)
        yield event
        finding.events += 1
    finding.seq = None
