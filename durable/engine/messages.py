"""Messages: what is sent to a run from outside, as an inbox keeps it; made by senders, read by the driver."""

from __future__ import annotations

import msgspec

from durable.values.payloads import Payload
from durable.store import Message

SIGNAL, ANSWER, CANCEL, TERMINATE = "signal", "answer", "cancel", "terminate"
"""Kinds of messages."""

SIGNAL_ID = "signal:"
"""What a signal's message id begins with, so that no sender's id is taken for that of another message."""


class Body(msgspec.Struct, omit_defaults=True):
    """What a message says.

    Attributes:
        name: the signal, or the id of the request that is answered.
        encoding, data: the encoded value; None without one.
        preview: the value for people, if it is not JSON.
        actor, reason: who sent it, and why.
    """

    name: str = ""
    encoding: str | None = None
    data: bytes | None = None
    preview: str | None = None
    actor: str | None = None
    reason: str | None = None

    @property
    def payload(self) -> Payload | None:
        """The value as a payload."""
        return None if self.encoding is None or self.data is None else Payload(self.encoding, self.data, self.preview)


def make_message(
    id: str,
    kind: str,
    now: int,
    *,
    name: str = "",
    payload: Payload | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> Message:
    """Return a message.

    Args:
        id: a second message with the same id is ignored.
        kind: what it is.
        now: microseconds since 1970.
        name: the signal, or the id of the request that is answered.
        payload: the encoded value.
        actor, reason: who sends it, and why.
    """
    body = Body(name, actor=actor, reason=reason)
    if payload is not None:
        body.encoding, body.data, body.preview = payload.encoding, payload.data, payload.preview
    return Message(id, kind, msgspec.json.encode(body).decode(), now)


def body_of(message: Message) -> Body:
    """Return what a message says."""
    return msgspec.json.decode(message.data, type=Body)
