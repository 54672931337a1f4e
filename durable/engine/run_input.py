"""A run's input: the channel's first values, as writes and as a digest that identifies an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from durable.context.effects import Write
from durable.store import RunInfo, Store
from durable.values.payloads import decode, encode


def input_writes(initial: Mapping[str, Any]) -> list[Write]:
    """Return the writes that a run begins with. Raises ``PayloadError`` for a value that cannot be stored."""
    return [Write("channel", "set", key, encode(value)) for key, value in initial.items()]


def writes_digest(writes: Sequence[Write]) -> str:
    """Return the digest of an input, whatever the order of its keys."""
    parts = [
        (write.key, write.payload.encoding, write.payload.data) if write.payload is not None else (write.key,)
        for write in sorted(writes, key=lambda write: write.key)
    ]
    return sha256(msgspec.msgpack.encode(parts)).hexdigest()[:16]


def input_digest(initial: Mapping[str, Any]) -> str:
    """Return what ``RunInfo.input`` is for a run that was begun with these first values."""
    return writes_digest(input_writes(initial))


def is_input_of(store: Store, info: RunInfo, initial: Mapping[str, Any], writes: Sequence[Write]) -> bool:
    """Whether a run was begun with this input: the same bytes, or the same values with other bytes (pickled sets)."""
    if info.input == writes_digest(writes):
        return True
    recorded = {}
    for event in store.read(info.run_id, 1):
        if event.type != "ChannelWritten" or event.task_id is not None:
            break
        recorded[event.fields["key"]] = decode(event.encoding, event.payload)
    try:
        return bool(recorded == initial) and all(type(value) is type(initial[key]) for key, value in recorded.items())
    except Exception:  # values that cannot be compared
        return False
