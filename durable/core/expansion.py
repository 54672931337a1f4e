"""Expansions: the members that maps have so far, batch by batch, in a few bytes each.

A map's members are nodes like all others, but nothing is kept of each: their ids, keys and edges follow
from the batch that they were recorded in, so that a million of them fit into memory. It must not know
items or where they come from.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import overload

import msgspec

from durable.core.key_table import KeyTable

_POSITION = re.compile("0|[1-9][0-9]{0,18}")

SEPARATOR = "\n"
"""Between the keys of a batch; no key holds it."""


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Members that were recorded together.

    Attributes:
        group: the map's node; begin: the first member's node; place: its position in the map.
        count: how many members.
        seq: the event that recorded them, which has their items.
        keys: their keys, joined; None when they have none.
        digest: of the items as they were read, so that a source that is read again can be compared.
    """

    group: int
    begin: int
    place: int
    count: int
    seq: int
    keys: str | None = None
    digest: str = ""

    @property
    def nodes(self) -> range:
        """The members' nodes."""
        return range(self.begin, self.begin + self.count)


class Expansion:
    """The members of one map so far.

    Args:
        group: the map's node.
        name: its id.
        keyed: whether members have keys; else they are identified by position.

    Attributes:
        batches: as they were recorded.
        count: how many members there are.
        complete: whether there will be no more.
        expected: how many there will be in all, as far as is known; 0 when it is not.
        cut: whether that is so only because the map's time was over; more may come once it is reopened.
    """

    def __init__(self, group: int, name: str, keyed: bool) -> None:
        self.group = group
        self.name = name
        self.keyed = keyed
        self.batches: list[Batch] = []
        self.count = 0
        self.complete = False
        self.expected = 0
        self.cut = False
        self._begins = array("q")
        self._places = array("q")
        self._table: KeyTable | None = None
        self._near = Batch(group, 0, 0, 0, 0)
        self._split: tuple[Batch | None, list[str]] = (None, [])

    def add(self, batch: Batch) -> None:
        """Take a batch in."""
        if not batch.count:
            return
        self.batches.append(batch)
        self._begins.append(batch.begin)
        self._places.append(batch.place)
        self.count += batch.count
        if self._table is not None and batch.keys is not None:  # last: what is found in it is there
            self._table.extend(batch.keys.split(SEPARATOR), batch.place)

    def batch_of(self, node: int) -> Batch:
        """The batch that a member stands in."""
        return self.batches[bisect_right(self._begins, node) - 1]

    def node_at(self, place: int) -> int:
        """The node of the member at a position."""
        batch = self.batches[bisect_right(self._places, place) - 1]
        return batch.begin + place - batch.place

    def short_of(self, node: int) -> str:
        """A member's name: its key, or its position."""
        batch = self.batch_of(node)
        if batch.keys is None:
            return str(batch.place + node - batch.begin)
        return self._keys_of(batch)[node - batch.begin]

    def id_of(self, node: int) -> str:
        """A member's id: that of the map, and its name."""
        return f"{self.name}/{self.short_of(node)}"

    def find(self, name: str) -> int | None:
        """The node of the member with this name, if there is one."""
        place = self.place_named(name)
        if place is None:
            return None
        batch = self._near  # members start in order: most are in the batch of the one before
        if not batch.place <= place < batch.place + batch.count:
            batch = self._near = self.batches[bisect_right(self._places, place) - 1]
        return batch.begin + place - batch.place

    def place_named(self, name: str) -> int | None:
        """The position of the member with this name, if there is one."""
        if self.keyed:
            place = self.table.find(name)
            return None if place < 0 else place
        if not _POSITION.fullmatch(name):
            return None
        place = int(name)
        return place if place < self.count else None

    @property
    def table(self) -> KeyTable:
        """Positions by key; made when it is first needed, as that takes a while for many."""
        if self._table is None:
            made = KeyTable()
            for batch in self.batches:
                made.extend(self._keys_of(batch), batch.place)
            self._table = made
        return self._table

    @property
    def nodes(self) -> Iterator[int]:
        """All members' nodes, first to last."""
        for batch in self.batches:
            yield from batch.nodes

    def _keys_of(self, batch: Batch) -> list[str]:
        kept, split = self._split
        if kept is not batch:
            split = (batch.keys or "").split(SEPARATOR)
            self._split = (batch, split)  # at once: bodies look members up from other threads
        return split


class Lines(Sequence[list[int]]):
    """A map's members as lines of nodes, one node each, made when they are asked for.

    Args:
        expansion: whose members.
    """

    def __init__(self, expansion: Expansion) -> None:
        self._expansion = expansion

    def __len__(self) -> int:
        return self._expansion.count

    @overload
    def __getitem__(self, place: int) -> list[int]: ...
    @overload
    def __getitem__(self, place: slice) -> list[list[int]]: ...
    def __getitem__(self, place: int | slice) -> list[int] | list[list[int]]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return [self._expansion.node_at(place % len(self))]

    def __iter__(self) -> Iterator[list[int]]:
        return ([node] for node in self._expansion.nodes)


class Expansions:
    """All maps of a graph: which node belongs to which."""

    def __init__(self) -> None:
        self.by_group: dict[int, Expansion] = {}
        self._by_name: dict[str, Expansion] = {}
        self._begins = array("q")
        self._owners: list[Expansion] = []

    def __bool__(self) -> bool:
        return bool(self.by_group)

    def add(self, expansion: Expansion) -> None:
        """Take a map in."""
        self.by_group[expansion.group] = expansion
        self._by_name[expansion.name] = expansion

    def extend(self, expansion: Expansion, batch: Batch) -> None:
        """Take a batch of a map's members in."""
        expansion.add(batch)
        if batch.count:
            self._begins.append(batch.begin)
            self._owners.append(expansion)

    def of(self, node: int) -> Expansion:
        """The map that a member belongs to."""
        return self._owners[bisect_right(self._begins, node) - 1]

    def find(self, name: str) -> int | None:
        """The node of the member with this id, if there is one."""
        place = name.find("/")
        while place >= 0:
            expansion = self._by_name.get(name[:place])
            if expansion is not None:
                found = expansion.find(name[place + 1 :])
                if found is not None:
                    return found
            place = name.find("/", place + 1)
        return None

    def others(self, size: int) -> Iterator[int]:
        """Yield the nodes below ``size`` that are no members of maps."""
        done = 0
        for begin, owner in zip(self._begins, self._owners, strict=True):
            yield from range(done, begin)
            done = begin + owner.batch_of(begin).count
        yield from range(done, size)


class Ids(dict[int, str]):
    """Ids by node: kept for those that were defined or scheduled, made for members of maps."""

    def __init__(self, expansions: Expansions) -> None:
        super().__init__()
        self._expansions = expansions

    def __missing__(self, node: int) -> str:
        if not self._expansions:
            raise KeyError(node)
        return self._expansions.of(node).id_of(node)


_RECENT = 4096
"""Names of members whose nodes are cached, at most."""


class Index(dict[str, int]):
    """Nodes by id: kept for those that were defined or scheduled, looked up for members of maps."""

    def __init__(self, expansions: Expansions) -> None:
        super().__init__()
        self._expansions = expansions
        self._recent: dict[str, int] = {}

    def __missing__(self, name: str) -> int:
        recent = self._recent
        node = recent.pop(name, None)  # whatever starts will end: most names are asked for twice
        if node is not None:
            return node
        node = self._expansions.find(name) if self._expansions else None
        if node is None:
            raise KeyError(name)
        if len(recent) >= _RECENT:
            recent.clear()
        recent[name] = node
        return node

    def get(self, name: str, default: int | None = None) -> int | None:  # type: ignore[override]
        """Return the node with this id, or the default."""
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or (isinstance(name, str) and self.get(name) is not None)


class Edges(dict[int, list[int]]):
    """Nodes by node: kept where there are some, or may be; none for members of maps."""

    def __missing__(self, node: int) -> list[int]:
        return []
