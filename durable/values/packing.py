"""Bytes at rest: compresses, signs, checks and bounds what a payload's bytes are wrapped in.

An encoding reads from the inside out: ``pickle+zstd+hmac:<32 hex digits>``. It must not know what the
bytes mean, and must not unpickle.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from durable.errors import PayloadError, PayloadRefused

if TYPE_CHECKING:
    import zstandard

MAX_PAYLOAD: Final = 1 << 30
"""Bytes that a payload may have once decompressed; the variable DURABLE_MAX_PAYLOAD changes it."""

COMPRESS_OVER: Final = 512
"""Payloads of up to this many bytes stay as they are: small ones grow under zstd."""

_WORTH = 0.9  # a gain of less than a tenth is not worth bytes that nobody can read in the database
_KINDS = frozenset({"json", "pickle"})
_ZSTD = "+zstd"
_HMAC = "+hmac:"

# os.environ.get costs 2.6 us for a missing name; the dict behind it 0.05.
_environment: Any = getattr(os.environ, "_data", os.environ)
_name: Any = os.environ.encodekey if hasattr(os.environ, "encodekey") else str
_SIGNING_KEY: Any = _name("DURABLE_SIGNING_KEY")

_thread = threading.local()


def is_signing() -> bool:
    """Tell, in well under a microsecond, whether DURABLE_SIGNING_KEY is set now."""
    return bool(_environment.get(_SIGNING_KEY))


def pack(kind: str, raw: bytes) -> tuple[str, bytes]:
    """Compress bytes where that helps and sign them when there is a key.

    Args:
        kind: what the bytes are, "json" or "pickle".
        raw: the bytes.

    Returns:
        The encoding's name and the bytes to store.

    Raises:
        PayloadRefused: over the size cap; what was stored could never be read again.
    """
    encoding, data = kind, raw
    if len(raw) > COMPRESS_OVER:
        if len(raw) > (cap := _size_cap()):
            raise _too_large(f"{len(raw):,}", cap)
        smaller = _zstd()[0].compress(raw)
        if len(smaller) < len(raw) * _WORTH:
            encoding, data = kind + _ZSTD, smaller
    key = _signing_key()
    return (encoding + _HMAC + _mac(key, encoding, data), data) if key else (encoding, data)


def unpack(encoding: str, data: bytes) -> tuple[str, bytes]:
    """Undo ``pack``.

    Args:
        encoding: the encoding's name.
        data: the stored bytes.

    Returns:
        "json" or "pickle", and the bytes.

    Raises:
        PayloadRefused: unsigned or altered while there is a key, or over the size cap.
        PayloadError: an unknown encoding, or bytes that do not decompress.
    """
    kind, compressed, mac = _parts(encoding)
    key = _signing_key()
    if key:
        _check(key, kind, encoding, data, mac)
    return kind, _decompress(data) if compressed else data


def peek(encoding: str, data: bytes, count: int) -> tuple[str, bytes]:
    """Give the first bytes of a payload, decompressing no more than that, without any check.

    Args:
        encoding: the encoding's name.
        data: the stored bytes.
        count: how many bytes at most.

    Returns:
        "json" or "pickle", and the first bytes.

    Raises:
        PayloadError: an unknown encoding, or bytes that do not decompress.
    """
    kind, compressed, _ = _parts(encoding)
    if not compressed:
        return kind, data[:count]
    try:
        with _zstd()[1].stream_reader(data) as reader:
            return kind, reader.read(count)
    except Exception as error:
        raise _damaged(error) from error


def _parts(encoding: str) -> tuple[str, bool, str]:
    name, _, mac = encoding.partition(_HMAC)
    kind = name.removesuffix(_ZSTD)
    if kind not in _KINDS:
        raise PayloadError(
            f"The payload has the unknown encoding {encoding[:80]!r}",
            hint="It was written by a newer version of durable, or the log was changed: see durable verify",
        )
    return kind, kind != name, mac


def _zstd() -> tuple[zstandard.ZstdCompressor, zstandard.ZstdDecompressor]:
    """This thread's own pair: sharing one between threads crashes the interpreter."""
    try:
        pair: tuple[zstandard.ZstdCompressor, zstandard.ZstdDecompressor] = _thread.pair
    except AttributeError:
        import zstandard  # 17 ms, so only when something is large enough

        pair = _thread.pair = (zstandard.ZstdCompressor(level=3), zstandard.ZstdDecompressor())
    return pair


def _decompress(data: bytes) -> bytes:
    import zstandard

    cap = _size_cap()
    try:
        size = zstandard.frame_content_size(data)
        if 0 <= size <= cap:
            # A frame that holds more than its header says does not fit the buffer and raises.
            return _zstd()[1].decompress(data, allow_extra_data=False)
        if size < 0:
            return _decompress_stream(data, cap)
    except zstandard.ZstdError as error:
        raise _damaged(error) from error
    raise _too_large(f"{size:,}", cap)


def _decompress_stream(data: bytes, cap: int) -> bytes:
    """Decompress a frame that does not say its size; we write none, but other tools may."""
    whole = bytearray()
    for chunk in _zstd()[1].read_to_iter(data):
        whole += chunk
        if len(whole) > cap:
            raise _too_large("more", cap)
    return bytes(whole)


def _size_cap() -> int:
    text = os.environ.get("DURABLE_MAX_PAYLOAD")
    if not text:
        return MAX_PAYLOAD
    if not text.isdecimal():
        raise PayloadError(f"DURABLE_MAX_PAYLOAD is {text[:40]!r}, not a number of bytes", hint="Set it to digits only")
    return int(text)


def _too_large(size: str, cap: int) -> PayloadRefused:
    return PayloadRefused(
        f"The payload has {size} bytes, the cap is {cap:,}",
        hint="Write large data to a file and return its path, or raise DURABLE_MAX_PAYLOAD (bytes)",
    )


def _damaged(error: Exception) -> PayloadError:
    return PayloadError(
        f"The payload's bytes do not decompress: {error}", hint="The log was changed or damaged: see durable verify"
    )


def _signing_key() -> bytes | None:
    key = _environment.get(_SIGNING_KEY)
    return key.encode() if isinstance(key, str) else key


def _mac(key: bytes, encoding: str, data: bytes) -> str:
    import hmac

    code = hmac.new(key, encoding.encode("utf-8", "replace") + b"\0", "sha256")
    code.update(data)  # in a second step, so that large bytes are not copied
    return code.hexdigest()[:32]


def _check(key: bytes, kind: str, encoding: str, data: bytes, mac: str) -> None:
    """Refuse what is altered, and what is unsigned unless it is JSON, which can run no code."""
    import hmac

    if mac:
        named = encoding.partition(_HMAC)[0]
        if hmac.compare_digest(_mac(key, named, data).encode(), mac.encode("utf-8", "replace")):
            return
        raise PayloadRefused(
            "The payload does not match its signature",
            hint="It was altered, or signed with another DURABLE_SIGNING_KEY",
        )
    if kind != "json":
        raise PayloadRefused(
            "The payload is an unsigned pickle and DURABLE_SIGNING_KEY is set",
            hint="It was written without the key, or replaced. Unset the key only if you trust who writes the store",
        )
