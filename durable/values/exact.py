"""Tells whether JSON gives a value back exactly: same types, same values, at every level.

It is asked once a task, so tiny values take a plain loop and long lists of one type are judged in bulk.
It must not encode anything, and must not call code of the values it looks at.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from math import isfinite
from typing import Any

MAX_DEPTH = 100
"""Lists and dicts nested deeper than this are pickled: JSON decoding recurses, maybe on a fuller stack."""

_SMALL_DEPTH = 3
_BULK = 32  # longer containers are judged by the set of their types instead of item by item
_CROWD = 4096  # from so many containers in one level on, we look whether they are the same few objects
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_PLAIN = frozenset({type(None), bool, str})
_TEXT = frozenset({str})


def is_exact(value: object) -> bool:
    """Tell whether ``value`` comes back from JSON with the same types and the same values.

    Aliases do not count: ``[x, x]`` is exact although it comes back as two lists. But a large value that
    is mostly aliases (or a cycle) is not, because JSON would write out every copy.

    Args:
        value: anything.

    Returns:
        True when it consists of None, bool, int of 64 bits, finite float, str, list and dict with str
        keys, none of them a subclass. Text with lone surrogates is not looked for: encoding raises.
    """
    kind = type(value)
    if kind is dict or kind is list:
        return _is_small(value, _SMALL_DEPTH) or _is_exact_tree(value)
    if kind is int:
        return _INT_MIN <= value <= _INT_MAX  # type: ignore[operator]
    return _all_exact((value,), [])


def _is_small(value: Any, depth: int) -> bool:
    """A quick yes for the small results that most tasks return; a no means: look closer."""
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                return False
        value = value.values()
    if len(value) > _BULK:
        return False
    for item in value:
        kind = type(item)
        if kind is int:
            if not _INT_MIN <= item <= _INT_MAX:
                return False
        elif kind is dict or kind is list:
            if not depth or not _is_small(item, depth - 1):
                return False
        elif kind not in _PLAIN and not (kind is float and isfinite(item)):
            return False
    return True


def _is_exact_tree(value: Any) -> bool:
    """Judge level by level, so that depth is known and aliases cannot multiply the work."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            if type(container) is list:
                items: Collection[Any] = container
            elif _text_keys(container):
                items = container.values()
            else:
                return False
            if not (_all_exact(items, below) if len(items) <= _BULK else _bulk_exact(items, below)):
                return False
        if not below:
            return True
        if len(below) > _CROWD and len(set(map(id, below))) * 2 < len(below):
            return False
        level = below
    return False


def _text_keys(mapping: dict[Any, Any]) -> bool:
    if len(mapping) > _BULK:
        return set(map(type, mapping)) == _TEXT
    return all(type(key) is str for key in mapping)


def _all_exact(items: Collection[Any], below: list[Any]) -> bool:
    """Judge items one by one; lists and dicts are put off into ``below``."""
    for item in items:
        kind = type(item)
        if kind is int:
            if not _INT_MIN <= item <= _INT_MAX:
                return False
        elif kind is dict or kind is list:
            below.append(item)
        elif kind is float:
            if not isfinite(item):
                return False
        elif kind not in _PLAIN:
            return False
    return True


def _bulk_exact(items: Collection[Any], below: list[Any]) -> bool:
    """Judge many items by the set of their types; mixed ones fall back to the loop."""
    kinds = set(map(type, items))
    if kinds <= _PLAIN:
        return True
    if len(kinds) > 1:
        return _all_exact(items, below)
    kind = kinds.pop()
    if kind is int:
        return _fit(items)
    if kind is float:
        # A sum of finite numbers may overflow; a sum with a NaN or an infinity is never finite.
        return isfinite(sum(items)) or all(map(isfinite, items))
    if kind is dict or kind is list:
        below.extend(items)
        return True
    return False


def _fit(numbers: Collection[int]) -> bool:
    """Tell whether all fit in 64 bits; the array's own check is one pass in C."""
    try:
        array("q", numbers)
    except OverflowError:
        return False
    return True
