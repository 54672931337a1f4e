"""Choosing what of a long table is shown. It must not print the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from durable.cli.render import note

T = TypeVar("T")


def chosen(items: Sequence[T], limit: int, matters: Callable[[T], bool], how: str) -> list[T]:
    """Return at most so many items in their order, preferring those that matter, and say how to see all.

    Args:
        items: all of them.
        limit: how many; 0 for all.
        matters: whether an item is to be shown before others.
        how: what to do to see all.
    """
    if not limit or len(items) <= limit:
        return list(items)
    first = [number for number, item in enumerate(items) if matters(item)][:limit]
    taken = set(first)
    others = (number for number in range(len(items)) if number not in taken)
    taken.update(number for number, _ in zip(others, range(limit - len(first)), strict=False))
    note(f"{limit:,} of {len(items):,} are shown; {how}")
    return [items[number] for number in sorted(taken)]
