"""Windows: items read a few at a time, named, encoded and ready to be recorded.

What is larger than memory is never there as a whole. It must not know runs or logs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from time import monotonic
from typing import Any

from msgspec.structs import replace

from durable.core.specs import Stored, Window
from durable.definition.checks import check_id
from durable.errors import DefinitionError, DuplicateKey, PayloadError
from durable.values.payloads import encode_raw, to_raw

MOST_ITEMS = 1000
"""Items in a window."""
MOST_BYTES = 1 << 20
"""About how many encoded bytes a window may have; one of a single item may have more."""
_FIRST = 16
_GROWTH = 4
_SIZED = frozenset({str, bytes, bytearray})
"""Types of items whose size is known before they are encoded: of large ones, not even the first window has many."""
_PATIENCE = 0.1
"""Seconds after which a window is closed although it is not full, so that what a slow source gave is begun with."""


class Size:
    """How many items the next window takes: few at first, so that members start at once; fewer when they are large."""

    def __init__(self) -> None:
        self.items = _FIRST

    def seen(self, count: int, size: int) -> None:
        """Take note of how large some items were.

        Args:
            count: how many; size: their encoded bytes.
        """
        fits = max(MOST_BYTES * count // max(size, 1), 1)
        self.items = min(self.items * _GROWTH, MOST_ITEMS, fits)


def encode_items(items: list[Any], first: int, name: str) -> tuple[Stored, str, int]:
    """Return items as one payload, with the digest of their bytes and how many there are.

    Args:
        items: at least one.
        first: the position of the first of them; name: the map's id; for errors.

    Raises:
        PayloadError: one of them cannot be recorded; the message names it.
    """
    try:
        kind, raw, preview = to_raw(items)
    except PayloadError:
        for place, item in enumerate(items, first):
            try:
                to_raw(item)
            except PayloadError as error:
                error.message = f"item {place} of {name!r} cannot be recorded: {error.message}"
                error.task_id = name
                raise
        raise
    payload = encode_raw(raw, kind, preview)
    return (payload.encoding, payload.data), sha256(raw).hexdigest()[:16], len(raw)


Part = Callable[[list[Any], int], tuple[Window, int]]
"""Makes a window of some items, given the position of the first, and says how many bytes they have."""


def inline(name: str) -> Part:
    """Return what makes windows that hold their items; ``name`` is the map's id, for errors."""

    def make(items: list[Any], first: int) -> tuple[Window, int]:
        stored, digest, size = encode_items(items, first, name)
        return Window(len(items), False, None, digest, stored), size

    return make


def by_reference(_items: list[Any], _first: int) -> tuple[Window, int]:
    """Make a window of items that another event holds, at the same positions."""
    return Window(len(_items)), 0


def windows(items: Iterable[Any], first: int, make: Part, *, keyed: bool = False) -> Iterator[Window]:
    """Yield items, window by window; the last window says that it is.

    Args:
        items: what is left to read; with their names, as pairs, if they have keys.
        first: the position of the next one; make: makes windows.
        keyed: whether they have keys.
    """
    size, source, last = Size(), iter(items), False
    while not last:
        found, last = _some(source, size.items, keyed)
        names = [name for name, _ in found] if keyed else None
        values = [item for _, item in found] if keyed else found
        window, length = make(values, first) if found else (Window(0), 0)
        yield replace(window, last=last, keys=names)
        first += len(found)
        size.seen(len(found), length)


def _some(source: Iterator[Any], count: int, keyed: bool) -> tuple[list[Any], bool]:
    """Read so many items, or fewer if they come slowly or are long texts; and whether that were the last ones."""
    found: list[Any] = []
    until, size = monotonic() + _PATIENCE, 0
    for item in source:
        found.append(item)
        value = item[1] if keyed else item
        if type(value) in _SIZED:
            size += len(value)
        if len(found) >= count or size >= MOST_BYTES or monotonic() > until:
            return found, False
    return found, True


def key_of(value: Any, place: int, name: str) -> str:
    """Return a member's name for what ``key`` said of its item.

    Args:
        value: a text or a whole number.
        place: the item's position; name: the map's id; for errors.

    Raises:
        DefinitionError: something else, or a text that cannot be a name.
    """
    if type(value) is int:
        return str(value)
    try:
        return check_id(value)
    except DefinitionError as error:
        raise DefinitionError(
            f"the key of item {place} is {value!r}: {error.message}",
            task_id=name,
            hint="A key is a short printable text or a whole number, and each item has its own",
        ) from None


def refuse_twice(key: str, one: int, other: int, name: str) -> DuplicateKey:
    """Return the error of two items that have one key.

    Args:
        key: the key; one, other: the items' positions; name: the map's id.
    """
    return DuplicateKey(
        f"the items at positions {one} and {other} of {name!r} have the same key {key!r}",
        task_id=name,
        hint="Let key= distinguish them, or remove one of them",
    )
