"""Events: the immutable facts of a run's log; and drafts, from which a driver makes them.

An event is one row: its columns are the same in memory, in the digest and in every store, so that a
replay folds rows as they are read. What a type adds stands in ``data``, a small JSON object that is
decoded only when somebody asks. Each type has one constructor of its drafts, in ``run_events.py``,
``task_events.py`` or ``data_events.py``; ``catalogue.py`` lists them. It must not know how events are
stored or what they lead to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

LOG_FORMAT = 1
"""Version of the events' meaning. A run created under another one is refused by name."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One immutable fact of a run's log.

    Attributes:
        seq: position in the run's log: 1, 2, 3 and so on, without gaps.
        time: when it happened, microseconds since 1970 in UTC.
        type: its name in the past tense, a key of ``catalogue.EVENTS``.
        task_id: the task or group it is about; None for the run itself.
        attempt: the attempt it is about, from 1; 0 where that has no meaning.
        data: the type's own fields as the text of a JSON object; None when it has none.
        encoding: how ``payload`` is encoded (see ``durable.values.payloads``); None without one.
        payload: the encoded value; None without one.
    """

    seq: int
    time: int
    type: str
    task_id: str | None = None
    attempt: int = 0
    data: str | None = None
    encoding: str | None = None
    payload: bytes | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The type's own fields, decoded."""
        return _decode(self.data) if self.data else {}

    @property
    def when(self) -> datetime:
        """The time as an aware UTC datetime."""
        return EPOCH + timedelta(microseconds=self.time)


def encode_fields(fields: Mapping[str, Any]) -> str | None:
    """Turn a type's own fields into ``Event.data``; fields that are None are left out."""
    kept = {name: value for name, value in fields.items() if value is not None}
    return _encode(kept).decode() if kept else None


class Encoded(Protocol):
    """An encoded value, as ``durable.values.payloads.Payload`` is one.

    Attributes:
        encoding: how to decode it.
        data: the bytes.
        preview: a short text for people; None when the bytes speak for themselves.
    """

    @property
    def encoding(self) -> str:
        """How to decode it."""
        ...

    @property
    def data(self) -> bytes:
        """The bytes."""
        ...

    @property
    def preview(self) -> str | None:
        """A short text for people."""
        ...


class Draft(msgspec.Struct, frozen=True, gc=False):
    """What an event of one type says, before it has a number and a time. Made by the type's constructor.

    Attributes:
        type, data, encoding, payload: as in ``Event``.
    """

    type: str
    data: str | None = None
    encoding: str | None = None
    payload: bytes | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The type's own fields, decoded."""
        return _decode(self.data) if self.data else {}


def draft(type: str, value: Encoded | None = None, **fields: Any) -> Draft:
    """Return a draft; for the constructors only.

    Args:
        type: the event's type.
        value: the value that it carries.
        **fields: the type's own fields; those that are None are left out.
    """
    if value is None:
        return Draft(type, encode_fields(fields))
    return Draft(type, encode_fields(fields), value.encoding, value.data)


def preview_of(value: Encoded | None) -> str | None:
    """Return what an event's ``preview`` says of the value that it carries."""
    return None if value is None else value.preview
