"""KeyTable: positions by key, in about 24 bytes a key; a dict of a million texts would need 150 megabytes.

The keys themselves are not kept, only their hashes. It must not be stored: hashes differ between processes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TypeAlias

_SMALLEST = 64


class KeyTable:
    """A hash table with open addressing over two columns: hashes, and positions (0 for an empty slot)."""

    def __init__(self) -> None:
        self._count = 0
        self._columns = _columns(_SMALLEST)  # one attribute: bodies look keys up while the driver adds some

    def __len__(self) -> int:
        return self._count

    def find(self, key: str) -> int:
        """Return the position of a key, or -1.

        Two keys of one hash would be taken for one; of a million keys, two have one with a probability of
        less than one in ten million, and whoever adds keys compares the texts.
        """
        wanted = hash(key)
        mask, hashes, places = self._columns
        slot = wanted & mask
        while place := places[slot]:
            if hashes[slot] == wanted:
                return place - 1
            slot = (slot + 1) & mask
        return -1

    def extend(self, keys: Iterable[str], place: int) -> None:
        """Add keys that are not there yet, at positions from ``place`` on."""
        for number, key in enumerate(keys, place + 1):
            if self._count * 2 >= self._columns[0]:
                self._grow()
            _put(self._columns, hash(key), number)
            self._count += 1

    def _grow(self) -> None:
        mask, hashes, places = self._columns
        larger = _columns(2 * (mask + 1))
        for value, number in zip(hashes, places, strict=True):
            if number:
                _put(larger, value, number)
        self._columns = larger


_Columns: TypeAlias = "tuple[int, array[int], array[int]]"
"""The number of slots less one, a power of two; hashes; positions, from 1."""


def _columns(size: int) -> _Columns:
    return size - 1, array("q", bytes(8 * size)), array("I", bytes(4 * size))


def _put(columns: _Columns, value: int, number: int) -> None:
    mask, hashes, places = columns
    slot = value & mask
    while places[slot]:
        slot = (slot + 1) & mask
    hashes[slot] = value
    places[slot] = number  # last: a slot counts once it has a position
