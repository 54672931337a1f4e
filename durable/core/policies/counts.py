"""MemberCounts: what a policy can say of a map from numbers alone, without looking at a single member.

A map may have a million members and more to come; asking a policy after each of them must not cost more
the longer the map is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from durable.core.results import TaskResult


class MemberCounts(msgspec.Struct, frozen=True):
    """A map's members by how they stand.

    Attributes:
        succeeded, failed: members that ended with and without success.
        remaining: recorded members that have not ended.
        complete: whether there will be no more members.
    """

    succeeded: int
    failed: int
    remaining: int
    complete: bool

    @property
    def over(self) -> bool:
        """Whether every member there will be has ended."""
        return self.complete and not self.remaining


class MemberResults(Mapping[str, TaskResult]):
    """The results of a map's members by name, in the order of the items, each made when it is asked for.

    ``iter()`` reads them one after another without keeping them.
    """

    @property
    @abstractmethod
    def failed(self) -> Sequence[str]:
        """Names of the members that ended without success, or did not start."""

    @property
    @abstractmethod
    def succeeded(self) -> Sequence[str]:
        """Names of the members that succeeded."""

    @property
    def remaining(self) -> Sequence[str]:
        """Names of the members that have not ended although the map is judged; ``failed`` has them too."""
        return ()

    def iter(self) -> Iterator[tuple[str, TaskResult]]:
        """Yield each member's name and result."""
        return iter(self.items())
