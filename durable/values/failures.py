"""Exceptions as data: type, message, traceback and cause, from any exception whatever.

It must never raise because of the exception it records, and must not keep a reference to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import FrameType, TracebackType

import msgspec

from durable.core.results import ErrorRecord
from durable.errors import DurableError, PayloadError
from durable.values.payloads import Payload, decode_raw, encode_raw
from durable.values.programs import script_stem
from durable.values.previews import type_name

MAX_TEXT = 8_000
"""Characters of a traceback, and of a message, at most; the middle is left out."""

MAX_CAUSES = 5
"""Causes that are followed."""

_FIRST_FRAMES, _LAST_FRAMES = 10, 20
_GROUP_MEMBERS = 10  # sub-exceptions of a group that are named
_GROUP_FRAMES = 6  # last frames shown of each
_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep

_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder(ErrorRecord).decode


def record_error(exc: BaseException, *, skip_files: tuple[str, ...] = ()) -> ErrorRecord:
    """Turn an exception into data.

    Args:
        exc: any exception.
        skip_files: files whose frames are left out from the head of the traceback, as durable's own are.

    Returns:
        Its record, with up to ``MAX_CAUSES`` causes.
    """
    chain: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and len(chain) <= MAX_CAUSES and not any(link is seen for seen in chain):
        chain.append(link)
        link = cause_of(link)
    record: ErrorRecord | None = None
    for link in reversed(chain):
        name, message = _name_of(link), _message_of(link)
        record = ErrorRecord(name, message, _traceback_of(link, name, message, skip_files), record)
    assert record is not None, "the chain holds at least the exception itself"
    return record


def encode_error(record: ErrorRecord) -> Payload:
    """Turn a record into bytes, as readable JSON.

    Args:
        record: the record.

    Returns:
        The payload.
    """
    try:
        raw = _to_json(record)
    except UnicodeEncodeError:
        raw = _to_json(_without_surrogates(record))
    return encode_raw(raw, "json")


def decode_error(encoding: str | None, data: bytes | None) -> ErrorRecord:
    """Turn bytes back into a record.

    Args:
        encoding: the payload's encoding.
        data: the payload's bytes.

    Returns:
        The record.

    Raises:
        PayloadRefused: altered while DURABLE_SIGNING_KEY is set, or over the size cap.
        PayloadError: the bytes are no error record.
    """
    kind, raw = decode_raw(encoding, data)
    if kind != "json":
        raise PayloadError(
            f"An error is recorded as JSON, not as {encoding!r}", hint="The log was changed: see durable verify"
        )
    try:
        return _from_json(raw)
    except Exception as error:
        raise PayloadError(
            f"The payload is no error: {error}", hint="The log was changed: see durable verify"
        ) from error


def cause_of(exc: BaseException) -> BaseException | None:
    """Return what an exception was raised from, or None.

    Args:
        exc: any exception.
    """
    try:
        if exc.__cause__ is not None:
            return exc.__cause__
        return None if exc.__suppress_context__ else exc.__context__
    except Exception:  # a class may define these as properties
        return None


def _name_of(exc: BaseException) -> str:
    kind = type(exc)
    try:
        module = str(type.__dict__["__module__"].__get__(kind))
    except Exception:
        module = "builtins"
    name = type_name(kind)
    # A script has another module name in each process; its file's name is the same in all.
    return _printable(name if module == "builtins" else f"{script_stem(module) or module}.{name}")


def _message_of(exc: BaseException, depth: int = 2) -> str:
    """``str(exc)``; a group's also names its members, ``depth`` levels of them."""
    try:
        text = str.__str__(str(exc))
        if isinstance(exc, BaseExceptionGroup) and depth:
            text = f"{text}: {'; '.join(_member_lines(exc, depth - 1))}"
    except Exception as error:
        text = f"<message could not be read: {type_name(type(error))}>"
    return _limited(_printable(text))


def _member_lines(group: BaseExceptionGroup[BaseException], depth: int) -> Iterator[str]:
    members = group.exceptions
    for member in members[:_GROUP_MEMBERS]:
        yield f"{_name_of(member)}: {_message_of(member, depth)}"[:300]
    if len(members) > _GROUP_MEMBERS:
        yield f"{len(members) - _GROUP_MEMBERS} more"


def _traceback_of(exc: BaseException, name: str, message: str, skip_files: tuple[str, ...]) -> str:
    try:
        frames = _own_frames(exc, skip_files)
        lines = _format(frames, _FIRST_FRAMES, _LAST_FRAMES)
        if isinstance(exc, BaseExceptionGroup):
            lines += _format_members(exc, skip_files)
        if not lines:
            return ""
        notes = [str(note) for note in getattr(exc, "__notes__", ())]
        text = "".join(["Traceback (most recent call last):\n", *lines, "\n".join([f"{name}: {message}", *notes])])
        return _limited(_printable(text))
    except Exception as error:
        return _printable(f"<traceback could not be read: {type_name(type(error))}>")


def _own_frames(exc: BaseException, skip_files: tuple[str, ...]) -> list[tuple[FrameType, int]]:
    """The frames from where the engine called the body; all of them for a bug in durable itself."""
    frames: list[tuple[FrameType, int]] = []
    link: TracebackType | None = exc.__traceback__
    while link is not None:
        frames.append((link.tb_frame, link.tb_lineno))
        link = link.tb_next
    for index, (frame, _) in enumerate(frames):
        file = frame.f_code.co_filename
        if not file.startswith(_OWN_FOLDER) and file not in skip_files:
            return frames[index:]
    return [] if isinstance(exc, DurableError) else frames


def _format(frames: list[tuple[FrameType, int]], first: int, last: int) -> list[str]:
    """Format the outermost and innermost frames; those between are counted only."""
    from traceback import StackSummary

    left_out = len(frames) - first - last
    if left_out <= 0:
        return StackSummary.extract(iter(frames)).format()
    return [
        *StackSummary.extract(iter(frames[:first])).format(),
        f"  ... {left_out} frames left out ...\n",
        *StackSummary.extract(iter(frames[-last:])).format(),
    ]


def _format_members(group: BaseExceptionGroup[BaseException], skip_files: tuple[str, ...]) -> list[str]:
    """The members' last frames: a task group's own say nothing of where its tasks failed."""
    lines = []
    for index, member in enumerate(group.exceptions[:_GROUP_MEMBERS], 1):
        lines.append(f"  --- sub-exception {index}: {_name_of(member)}: {_message_of(member, 1)[:300]}\n")
        lines += _format(_own_frames(member, skip_files), 0, _GROUP_FRAMES)
    return lines


def _limited(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2 - 30
    return f"{text[:half]}\n  ... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _printable(text: str) -> str:
    """Text without lone surrogates, which neither JSON nor SQLite can hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _without_surrogates(record: ErrorRecord) -> ErrorRecord:
    return ErrorRecord(
        _printable(record.type),
        _printable(record.message),
        _printable(record.traceback),
        _without_surrogates(record.cause) if record.cause is not None else None,
    )
