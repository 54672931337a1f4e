"""What a benchmark is told about this run of the benchmarks, and how it repeats its measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.environments import Environment
from benchmarks.launch import Unable


@dataclass(frozen=True)
class Settings:
    """How much to measure, and where.

    Attributes:
        small, large: numbers of tasks; huge: one more for the growth of costs, 0 for none.
        events: length of the long log that is resumed; members: sizes of maps, the last one measured once.
        repetitions: how often each contender is measured; peer_repetitions: the same for peers.
        folder: where databases are made; all contenders' stand in the same file system.
        limit: seconds that one measurement may take.
        share: seconds that all measurements of one peer may take together.
        judged: the sizes are those that the targets were set for.
        peers: peers' environments by name; empty when they are not asked for.
        tell: takes a line about what is going on.
        spent: seconds that each peer has taken until now.
    """

    small: int
    large: int
    huge: int
    events: int
    members: tuple[int, ...]
    repetitions: int
    peer_repetitions: int
    folder: Path
    limit: float
    share: float
    judged: bool = False
    peers: Mapping[str, Environment] = field(default_factory=dict)
    tell: Callable[[str], None] = print
    spent: dict[str, float] = field(default_factory=dict)

    def times(self, peer: str) -> int:
        """Return how often somebody is measured; "" is no peer."""
        if not peer:
            return self.repetitions
        return 1 if self.peers[peer].peer.slow else min(self.peer_repetitions, self.repetitions)

    def limit_for(self, peer: str) -> float:
        """Return the seconds that the next measurement of somebody may take."""
        return min(self.limit, max(1.0, self.share - self.spent.get(peer, 0.0))) if peer else self.limit

    def missing(self, benchmark: str) -> dict[str, str]:
        """Return which peers take no part in a benchmark, and why."""
        found = {}
        for environment in self.peers.values():
            if environment.python is None:
                found[environment.peer.name] = environment.told
            elif why := dict(environment.peer.cannot).get(benchmark):
                found[environment.label] = why
        return found

    def able(self, benchmark: str) -> list[Environment]:
        """Return the peers that are installed and take part in a benchmark."""
        return [
            each for each in self.peers.values() if each.python is not None and benchmark not in dict(each.peer.cannot)
        ]

    def turns(self, entries: Sequence[Entry]) -> tuple[Series, dict[str, str]]:
        """Let entries take turns, peers as far as their share of the time goes; see ``take_turns``."""
        return take_turns(entries, self.tell, self.spent, self.share)


@dataclass(frozen=True)
class Entry:
    """One of those that take turns.

    Attributes:
        name: who it is, once in the list.
        measure: measures once; raises Unable when it cannot.
        times: in how many repetitions it takes part.
        peer: the peer whose share of the time it takes, "" for none.
    """

    name: str
    measure: Callable[[], dict[str, Any]]
    times: int
    peer: str = ""


Series = dict[str, list[dict[str, Any]]]
"""Answers by name, one for each repetition that the entry took part in."""


def take_turns(
    entries: Sequence[Entry],
    tell: Callable[[str], None],
    spent: dict[str, float] | None = None,
    share: float = float("inf"),
) -> tuple[Series, dict[str, str]]:
    """Measure A B C, A B C, ..., so that what disturbs the machine disturbs all of them.

    One that was unable once takes no further part, and what it had done until then is dropped. One whose
    peer has used up its share of the time takes no further part either, but keeps what it has.

    Returns:
        The answers, and the reasons of those that were unable.
    """
    series: Series = {entry.name: [] for entry in entries}
    unable: dict[str, str] = {}
    spent = {} if spent is None else spent
    for repetition in range(max((entry.times for entry in entries), default=0)):
        for entry in entries:
            if repetition >= entry.times or entry.name in unable:
                continue
            if entry.peer and spent.get(entry.peer, 0.0) >= share:
                if not series[entry.name]:
                    unable[entry.name] = f"all of {entry.peer} may take {share:g} s (--share), which were used up"
                    del series[entry.name]
                continue
            began = monotonic()
            try:
                answer = entry.measure()
            except Unable as error:
                unable[entry.name] = str(error)
                del series[entry.name]
                tell(f"{entry.name}: {error}")
                continue
            finally:
                if entry.peer:
                    spent[entry.peer] = spent.get(entry.peer, 0.0) + monotonic() - began
            series[entry.name].append(answer)
            figure = f"{answer['seconds']:.4f} s" if "seconds" in answer else "done"
            tell(f"{repetition + 1} of {entry.times}: {entry.name}: {figure}")
    return series, unable
