"""What a benchmark is told about this run of the benchmarks, and how it repeats its measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environments import Environment
from benchmarks.launch import Unable


@dataclass(frozen=True)
class Settings:
    """How much to measure, and where.

    Attributes:
        small, large: numbers of tasks; huge: one more for the growth of costs, 0 for none.
        repetitions: how often each contender is measured; peer_repetitions: the same for peers.
        folder: where databases are made; all contenders' stand in the same file system.
        limit: seconds that one measurement may take.
        peers: peers' environments by name; empty when they are not asked for.
        tell: takes a line about what is going on.
    """

    small: int
    large: int
    huge: int
    repetitions: int
    peer_repetitions: int
    folder: Path
    limit: float
    peers: Mapping[str, Environment] = field(default_factory=dict)
    tell: Callable[[str], None] = print


@dataclass(frozen=True)
class Entry:
    """One of those that take turns.

    Attributes:
        name: who it is, once in the list.
        measure: measures once; raises Unable when it cannot.
        times: in how many repetitions it takes part.
    """

    name: str
    measure: Callable[[], dict[str, Any]]
    times: int


Series = dict[str, list[dict[str, Any]]]
"""Answers by name, one for each repetition that the entry took part in."""


def take_turns(entries: Sequence[Entry], tell: Callable[[str], None]) -> tuple[Series, dict[str, str]]:
    """Measure A B C, A B C, ..., so that what disturbs the machine disturbs all of them.

    One that was unable once takes no further part, and what it had done until then is dropped.

    Returns:
        The answers, and the reasons of those that were unable.
    """
    series: Series = {entry.name: [] for entry in entries}
    unable: dict[str, str] = {}
    for repetition in range(max((entry.times for entry in entries), default=0)):
        for entry in entries:
            if repetition >= entry.times or entry.name in unable:
                continue
            try:
                answer = entry.measure()
            except Unable as error:
                unable[entry.name] = str(error)
                del series[entry.name]
                tell(f"    {entry.name}: {error}")
                continue
            series[entry.name].append(answer)
            figure = f"{answer['seconds']:.4f} s" if "seconds" in answer else "done"
            tell(f"    {repetition + 1} {entry.name}: {figure}")
    return series, unable
