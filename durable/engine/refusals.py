"""Refusals: why groups failed, as the log keeps it."""

from __future__ import annotations

import msgspec

from durable.core.results import ErrorRecord
from durable.values.payloads import Payload, decode_raw, encode_raw


class Refusal(msgspec.Struct, omit_defaults=True):
    """Why a group failed, as the log keeps it.

    Attributes:
        message: the policy's message.
        failed_tasks, successful_tasks: as the policy named them.
        error: the error of a policy that raised something else than ``ParallelGroupError``.
    """

    message: str
    failed_tasks: list[tuple[str, str]] = []
    successful_tasks: list[str] = []
    error: ErrorRecord | None = None


_decode_refusal = msgspec.json.Decoder(Refusal).decode


def encode_refusal(refusal: Refusal) -> Payload:
    """Return a refusal as a payload."""
    return encode_raw(msgspec.json.encode(refusal), "json")


def decode_refusal(encoding: str | None, data: bytes | None) -> Refusal:
    """Return the refusal that a GroupFailed event carries."""
    return _decode_refusal(decode_raw(encoding, data)[1])
