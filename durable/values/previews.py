"""Short texts of values, for people who list, show and log.

It must not unpickle, must not take long whatever the value is, and never lets a control character
through to a terminal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

PREVIEW_LENGTH = 80
"""Characters of a preview at most."""

PREVIEW_BYTES = PREVIEW_LENGTH * 4 + 4
"""Bytes of UTF-8 that are always enough for a preview."""

_DEPTH = 4
_OWN_REPR_UNDER = 16_384  # bytes when pickled; a larger object's own __repr__ may take too long
_SMALL_INT = 2**256
_BRACKETS: dict[type, Any] = {list: "[]", tuple: "()", set: "{}", frozenset: ("frozenset({", "})"), dict: "{}"}
_SCALARS = frozenset({type(None), bool, float, complex, type(...), range})


def clip(text: str) -> str:
    """Make any text safe and short: one line of at most ``PREVIEW_LENGTH`` printable characters."""
    text = text[: PREVIEW_LENGTH + 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= PREVIEW_LENGTH else text[: PREVIEW_LENGTH - 1] + "…"


def preview_value(value: object, size: int) -> str:
    """Describe a live value, much as ``repr`` would.

    Args:
        value: anything.
        size: how many bytes its pickle has; objects beyond a bound are only named.

    Returns:
        At most ``PREVIEW_LENGTH`` characters; ``<TypeName>`` when its ``__repr__`` raises.
    """
    try:
        return clip("".join(_bounded(_show(value, _DEPTH, size < _OWN_REPR_UNDER))))
    except Exception:  # a metaclass, or a container that another thread changes
        return clip(f"<{type_name(type(value))}>")


def type_name(kind: type) -> str:
    """Name a class, whatever its metaclass does."""
    try:
        return str(type.__dict__["__qualname__"].__get__(kind))
    except Exception:
        return "object"


def _bounded(parts: Iterable[str]) -> Iterator[str]:
    room = PREVIEW_LENGTH
    for part in parts:
        yield part
        room -= len(part)
        if room < 0:
            return


def _show(value: Any, depth: int, small: bool) -> Iterator[str]:
    """Yield the description in pieces, so that whoever has enough of them can stop."""
    kind: Any = type(value)
    if kind is str or kind is bytes or kind is bytearray:
        yield repr(value[:PREVIEW_LENGTH])
    elif kind is int:
        yield repr(value) if -_SMALL_INT < value < _SMALL_INT else f"<int of {value.bit_length()} bits>"
    elif kind in _SCALARS:
        yield repr(value)
    elif kind in _BRACKETS:
        yield from _show_items(value, _BRACKETS[kind], depth, small)
    elif (fields := _fields(value)) is not None:
        yield from _show_fields(value, fields, depth, small)
    elif small and kind.__repr__ is not object.__repr__:
        yield _own_repr(value)
    else:
        yield f"<{type_name(kind)}>"


def _own_repr(value: object) -> str:
    try:
        return str.__getitem__(repr(value), slice(PREVIEW_LENGTH + 1))  # an exact str, whatever repr gave
    except Exception:
        return f"<{type_name(type(value))}>"


def _show_items(value: Collection[Any], brackets: Any, depth: int, small: bool) -> Iterator[str]:
    opening, closing = brackets
    if isinstance(value, (set, frozenset)) and not value:
        yield f"{type(value).__name__}()"
        return
    yield opening
    if value and not depth:
        yield "…"
    elif isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            yield ", " if index else ""
            yield from _show(key, depth - 1, small)
            yield ": "
            yield from _show(item, depth - 1, small)
    else:
        for index, item in enumerate(value):
            yield ", " if index else ""
            yield from _show(item, depth - 1, small)
    yield ",)" if type(value) is tuple and len(value) == 1 else closing


def _fields(value: Any) -> list[str] | None:
    """Name the fields of a dataclass or namedtuple whose ``__repr__`` is the generated one."""
    kind = type(value)
    if hasattr(kind, "__dataclass_fields__") and hasattr(kind.__repr__, "__wrapped__"):
        from dataclasses import fields  # imports inspect, 10 ms; a dataclass is here, so it is loaded already

        return [field.name for field in fields(value) if field.repr and hasattr(value, field.name)]
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return list(kind._fields)
    return None


def _show_fields(value: Any, fields: list[str], depth: int, small: bool) -> Iterator[str]:
    yield f"{type_name(type(value))}("
    for index, name in enumerate(fields if depth else ()):
        yield f"{', ' if index else ''}{name}="
        yield from _show(getattr(value, name), depth - 1, small)
    yield ")" if depth or not fields else "…)"
