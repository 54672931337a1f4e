"""What policies, task bodies and callers see of a map's members: mappings that load what is asked for.

A million members are never in memory at once unless somebody asks for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from durable.core.expansion import Batch, Expansion
from durable.core.policies.counts import MemberResults
from durable.core.results import TaskResult
from durable.core.transitions import ENDED, STATUSES, SUCCEEDED

if TYPE_CHECKING:
    from durable.core.state import RunState
    from durable.engine.run_view import RunView

_SUCCESS = frozenset({SUCCEEDED})
_LOST = ENDED - _SUCCESS
_OPEN = frozenset(range(len(STATUSES))) - ENDED
_WITHOUT = _LOST | _OPEN

_TOGETHER = 500
"""Members whose values are read from the store in one pass."""


class MapValues(Mapping[str, Any]):
    """The values of a map's members that succeeded, by name, in the order of the items.

    It behaves like a dict and reads from the store what is asked for; ``iter()`` goes over all of them without
    keeping them, ``dict(...)`` brings all of them into memory.

    Args:
        view: what can be read of the run.
        expansion: the members.

    Attributes:
        keeper: what must live as long as values may be read.
    """

    def __init__(self, view: RunView, expansion: Expansion) -> None:
        self._view = view
        self._expansion = expansion
        self.keeper: object = None

    def iter(self) -> Iterator[tuple[str, Any]]:
        """Yield each member's name and value, reading them from the store a few hundred at a time."""
        names, found = self._expansion.short_of, self._nodes()
        while nodes := list(islice(found, _TOGETHER)):
            yield from self._view.values(nodes, names).items()

    def __getitem__(self, name: str) -> Any:
        node = self._expansion.find(name) if isinstance(name, str) else None
        if node is None or not self._view.has_value(node):
            raise KeyError(name)
        return self._view.value(node)

    def __iter__(self) -> Iterator[str]:
        return map(self._expansion.short_of, self._nodes())

    def __len__(self) -> int:
        return sum(1 for _ in self._nodes())

    def __contains__(self, name: object) -> bool:
        node = self._expansion.find(name) if isinstance(name, str) else None
        return node is not None and self._view.has_value(node)

    def items(self) -> Any:
        """Yield names and values; see ``iter``."""
        return _Pairs(self)

    def values(self) -> Any:
        """Yield values in the order of the items; see ``iter``."""
        return _Values(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping) or len(self) != len(other):
            return False
        return all(name in other and other[name] == value for name, value in self.iter())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self.iter()),)

    def __repr__(self) -> str:
        some = dict(islice(self.iter(), 5))
        more = len(self) - len(some)
        return f"<MapValues of {self._expansion.name}: {some}{f' and {more:,} more' if more else ''}>"

    def _nodes(self) -> Iterator[int]:
        return filter(self._view.has_value, self._expansion.nodes)


class _Pairs:
    """What ``MapValues.items()`` returns: it can be gone over again and again."""

    def __init__(self, values: MapValues) -> None:
        self._mapping = values

    def __iter__(self) -> Iterator[Any]:
        return self._mapping.iter()

    def __len__(self) -> int:
        return len(self._mapping)


class _Values(_Pairs):
    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping.iter())


class Results(MemberResults):
    """The TaskResults of a map's members.

    Args:
        view: what can be read of the run.
        expansion: the members.
        keeper: what must live as long as values may be read.
        ended: leave out those that have not ended.
    """

    def __init__(self, view: RunView, expansion: Expansion, keeper: object = None, *, ended: bool = False) -> None:
        self._view = view
        self._expansion = expansion
        self._keeper = keeper
        self._ended = ended

    @property
    def failed(self) -> Sequence[str]:
        """Names of the members that ended without success, or did not start."""
        return Names(self._view.state, self._expansion, _LOST if self._ended else _WITHOUT)

    @property
    def succeeded(self) -> Sequence[str]:
        """Names of the members that succeeded."""
        return Names(self._view.state, self._expansion, _SUCCESS)

    @property
    def remaining(self) -> Sequence[str]:
        """Names of the members that have not ended."""
        return Names(self._view.state, self._expansion, _OPEN)

    def __getitem__(self, name: str) -> TaskResult:
        node = self._expansion.find(name)
        if node is None or not self._has(node):
            raise KeyError(name)
        return self._result(node)

    def __iter__(self) -> Iterator[str]:
        return map(self._expansion.short_of, filter(self._has, self._expansion.nodes))

    def __len__(self) -> int:
        return self._expansion.count - (len(self.remaining) if self._ended else 0)

    def __contains__(self, name: object) -> bool:
        node = self._expansion.find(name) if isinstance(name, str) else None
        return node is not None and self._has(node)

    def iter(self) -> Iterator[tuple[str, TaskResult]]:
        """Yield each member's name and result, none of which is kept."""
        return (
            (self._expansion.short_of(node), self._result(node)) for node in filter(self._has, self._expansion.nodes)
        )

    def _has(self, node: int) -> bool:
        return not self._ended or self._view.state.nodes[node] in ENDED

    def _result(self, node: int) -> TaskResult:
        result = self._view.task_result([node])
        result.keeper = self._keeper
        return result


class Names(Sequence[str]):
    """Names of a map's members that have one of some statuses; counted and listed without a copy.

    Args:
        state: the folded state; expansion: the members; statuses: those that are wanted.
    """

    def __init__(self, state: RunState, expansion: Expansion, statuses: frozenset[int]) -> None:
        self._state = state
        self._expansion = expansion
        self._statuses = statuses

    def __len__(self) -> int:
        return sum(map(self._count, self._expansion.batches))

    def __iter__(self) -> Iterator[str]:
        nodes, short_of = self._state.nodes, self._expansion.short_of
        for batch in self._expansion.batches:
            if self._count(batch):
                yield from (short_of(node) for node in batch.nodes if nodes[node] in self._statuses)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            return list(islice(self, start, stop, step)) if step > 0 else list(self)[place]
        at = place if place >= 0 else place + len(self)
        found = list(islice(self, at, at + 1)) if at >= 0 else []
        if not found:
            raise IndexError(place)
        return found[0]

    def _count(self, batch: Batch) -> int:
        nodes = self._state.nodes
        return sum(nodes.count(status, batch.begin, batch.begin + batch.count) for status in self._statuses)


def status_counts(state: RunState, expansion: Expansion) -> dict[str, int]:
    """Return how many members have each status, by its name; statuses that none has are left out."""
    found: dict[str, int] = {}
    for status, name in enumerate(STATUSES):
        count = sum(state.nodes.count(status, batch.begin, batch.begin + batch.count) for batch in expansion.batches)
        if count:
            found[name] = count
    return found
