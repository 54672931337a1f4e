"""KeyTable: positions by key, in about 24 bytes a key; a dict of a million texts would need 150 megabytes.

The keys themselves are not kept, only their hashes. It must not be stored: hashes differ between processes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

_SMALLEST = 64


class KeyTable:
    """A hash table with open addressing over two columns: hashes, and positions (0 for an empty slot)."""

    def __init__(self) -> None:
        self._count = 0
        self._make(_SMALLEST)

    def __len__(self) -> int:
        return self._count

    def find(self, key: str) -> int:
        """Return the position of a key, or -1.

        Two keys of one hash would be taken for one; of a million keys, two have one with a probability of
        less than one in ten million, and whoever adds keys compares the texts.
        """
        wanted = hash(key)
        mask, hashes, places = self._mask, self._hashes, self._places
        slot = wanted & mask
        while place := places[slot]:
            if hashes[slot] == wanted:
                return place - 1
            slot = (slot + 1) & mask
        return -1

    def extend(self, keys: Iterable[str], place: int) -> None:
        """Add keys that are not there yet, at positions from ``place`` on."""
        for number, key in enumerate(keys, place + 1):
            if self._count * 2 >= self._mask:
                self._grow()
            self._put(hash(key), number)
            self._count += 1

    def _put(self, value: int, number: int) -> None:
        mask, places = self._mask, self._places
        slot = value & mask
        while places[slot]:
            slot = (slot + 1) & mask
        self._hashes[slot] = value
        places[slot] = number

    def _make(self, size: int) -> None:
        self._mask = size - 1
        self._hashes = array("q", bytes(8 * size))
        self._places = array("I", bytes(4 * size))

    def _grow(self) -> None:
        hashes, places = self._hashes, self._places
        self._make(2 * (self._mask + 1))
        for value, number in zip(hashes, places, strict=True):
            if number:
                self._put(value, number)
