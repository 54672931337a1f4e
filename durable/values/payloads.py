"""Values <-> bytes: JSON when that gives the value back exactly, cloudpickle otherwise.

What a task returns is decoded from these bytes by everybody, live and resumed. It must not know events
or stores, and a preview never unpickles. Recorded pickles run code when decoded: only decode
what trusted code wrote, or set DURABLE_SIGNING_KEY.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from durable.errors import PayloadError
from durable.values.exact import is_exact
from durable.values.packing import COMPRESS_OVER, is_signing, pack, peek, unpack
from durable.values.previews import PREVIEW_BYTES, clip, preview_value, type_name

_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder().decode

_CHANGED = "The log was changed or damaged: see durable verify"


class Payload(msgspec.Struct, frozen=True, gc=False):
    """An encoded value.

    Attributes:
        encoding: how to decode it, such as ``json`` or ``pickle+zstd+hmac:...``.
        data: the bytes.
        preview: a short text for people; None when the bytes are JSON and speak for themselves.
    """

    encoding: str
    data: bytes
    preview: str | None = None


def encode(value: object) -> Payload | None:
    """Turn a value into bytes.

    Args:
        value: anything that JSON or cloudpickle can hold.

    Returns:
        The payload; None for None, which needs none.

    Raises:
        PayloadError: the value cannot be pickled, or is nested too deeply.
        PayloadRefused: it has more bytes than may be decoded again.
    """
    if value is None:
        return None
    kind, raw, preview = to_raw(value)
    if kind == "json" and len(raw) <= COMPRESS_OVER and not is_signing():
        return Payload("json", raw)
    return encode_raw(raw, kind, preview)


def to_raw(value: object) -> tuple[str, bytes, str | None]:
    """Turn a value into bytes that are neither compressed nor signed.

    Returns:
        "json" or "pickle", the bytes, and the text for people if it is a pickle.

    Raises:
        PayloadError: the value cannot be pickled, or is nested too deeply.
    """
    kind = type(value)
    try:
        # Scalars are recognised here: most small tasks return one, and a call costs as much as the rest.
        if kind is not str and kind is not bool and not is_exact(value):
            return _to_pickle(value)
        return "json", _to_json(value), None
    except PayloadError:
        raise
    except Exception:  # lone surrogates, or another thread changes the value: pickle decides
        return _to_pickle(value)


def encode_raw(raw: bytes, kind: str, preview: str | None = None) -> Payload:
    """Wrap bytes that are already JSON or a pickle.

    Args:
        raw: the bytes.
        kind: "json" or "pickle".
        preview: the text for people, if it is a pickle.

    Returns:
        The payload, compressed and signed as others are.

    Raises:
        PayloadRefused: it has more bytes than may be decoded again.
    """
    encoding, data = pack(kind, raw)
    return Payload(encoding, data, preview)


def decode(encoding: str | None, data: bytes | None) -> Any:
    """Turn bytes back into a value.

    Args:
        encoding: the payload's encoding.
        data: the payload's bytes.

    Returns:
        A new value, equal to the encoded one; None for (None, None).

    Raises:
        PayloadRefused: unsigned or altered while DURABLE_SIGNING_KEY is set, or over the size cap.
        PayloadError: an unknown encoding, damaged bytes, or a class or function that is gone.
    """
    if encoding == "json" and data is not None:
        raw = data  # unsigned JSON is accepted with and without a key
    else:
        kind, raw = decode_raw(encoding, data)
        if kind == "pickle":
            return _decode_pickle(raw)
        if not kind:
            return None
    try:
        return _from_json(raw)
    except Exception as error:
        raise PayloadError(f"The payload is not JSON: {error}", hint=_CHANGED) from error


def decode_raw(encoding: str | None, data: bytes | None) -> tuple[str, bytes]:
    """Check and unwrap bytes without interpreting them.

    Args:
        encoding: the payload's encoding.
        data: the payload's bytes.

    Returns:
        "json" or "pickle" and the bytes; ("", b"") for (None, None).

    Raises:
        PayloadRefused: unsigned or altered while DURABLE_SIGNING_KEY is set, or over the size cap.
        PayloadError: an unknown encoding, or damaged bytes.
    """
    if encoding is None and data is None:
        return "", b""
    if encoding is None or data is None:
        raise PayloadError("The payload has " + ("no encoding" if encoding is None else "no bytes"), hint=_CHANGED)
    return unpack(encoding, data)


def preview_of(encoding: str | None, data: bytes | None, recorded: str | None = None) -> str:
    """Describe a payload for people; nothing is unpickled, checked or raised.

    Args:
        encoding: the payload's encoding.
        data: the payload's bytes.
        recorded: the preview captured when a pickle was written.

    Returns:
        At most 80 printable characters.
    """
    if encoding is None or data is None:
        return "None" if encoding is None and data is None else "<damaged>"
    try:
        kind, head = peek(encoding, data, PREVIEW_BYTES)
    except PayloadError:
        return clip(f"<unreadable {encoding}, {len(data):,} bytes>")
    if kind == "json":
        return clip(head.decode("utf-8", "backslashreplace"))
    return clip(recorded if recorded is not None else f"<{encoding.partition('+')[0]}, {len(data):,} bytes>")


def _to_pickle(value: object) -> tuple[str, bytes, str]:
    try:
        raw = _pickler()(value)
        return "pickle", raw, preview_value(value, len(raw))
    except PayloadError:
        raise
    except Exception as error:
        reason = _reason(error)
        raise PayloadError(
            f"A value of type {type_name(type(value))} cannot be recorded: {reason}", hint=_encode_hint(reason)
        ) from error


@cache  # an import statement costs 8 us each time
def _pickler() -> Callable[[object], bytes]:
    from durable.values.pickles import dumps  # cloudpickle: 35 ms, so only for those who need it

    return dumps


def _decode_pickle(raw: bytes) -> Any:
    try:
        if b"durable" not in raw:
            import pickle

            return pickle.loads(raw)
        from durable.values.moved_names import loads

        return loads(raw)
    except PayloadError:
        raise
    except Exception as error:
        missing = isinstance(error, (ImportError, AttributeError))
        raise PayloadError(
            f"A recorded value cannot be read: {_reason(error)}",
            hint="A class, function or module was renamed or removed: restore its name" if missing else _CHANGED,
        ) from error


def _reason(error: Exception) -> str:
    """The error on one line, even if its own ``__str__`` raises."""
    name = type_name(type(error))
    try:
        return " ".join(f"{name}: {error}".split())[:300]
    except Exception:
        return name


_HINTS = (
    (("generator",), "Return data, not a generator: list(...) makes it a list"),
    (("coroutine", "awaitable"), "Await the coroutine and return its result"),
    (("recursion",), "The value is nested too deeply: return a flatter one, or write it to a file and return the path"),
    (("open file", "_io.", "textiowrapper", "'buffered"), "Return the file's path or its contents, not an open file"),
    (("memory",), "Write large data to a file and return its path"),
)


def _encode_hint(reason: str) -> str:
    folded = reason.lower()
    for words, hint in _HINTS:
        if any(word in folded for word in words):
            return hint
    return "Return plain data (numbers, text, lists, dataclasses) or a path, not locks, connections or threads"
