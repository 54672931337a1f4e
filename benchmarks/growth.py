"""What one task costs in longer and longer runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.figures import Table, ratios
from benchmarks.launch import FULL, NORMAL, Contender
from benchmarks.settings import Entry, Settings
from benchmarks.throughput import OURS, PEAK, RAW, in_flight, once, peaks, peers_for

NOTE = (
    "Peers take part once for each size: what a longer run costs them, not how fast they are, is the question"
    " here. DBOS only with WAL, its better way."
)


def growth(settings: Settings) -> Table:
    """What one task costs in runs of three sizes, beside the shortest."""
    cases = list(_cases(settings))
    entries = [
        Entry(each.label, once(settings, each, work, size), _times(settings, each, size), each.peer)
        for work, size, each in cases
    ]
    series, unable = settings.turns(entries)
    table = Table("growth", "Cost of one task as runs grow, synchronous=NORMAL", "us a task", False)
    table.missing = unable | settings.missing("growth")
    table.notes = [NOTE] if settings.peers else []
    first: dict[tuple[str, str], list[float]] = {}
    for work, size, contender in cases:
        answers = series.get(contender.label, [])
        if not answers:
            continue
        costs = [answer["seconds"] / size * 1e6 for answer in answers]
        base = (
            first.setdefault((work, contender.name), costs)
            if size == settings.small
            else first.get((work, contender.name))
        )
        line = contender.line(costs)
        if base is not None and base is not costs:
            line.ratios[beside(settings)] = ratios(costs, base)
        line.more[PEAK] = peaks(answers)
        table.lines.append(line)
    return table


def case(work: str, size: int) -> str:
    """Return what the table calls a run of so many tasks."""
    return f"{'group, 64 in flight' if work == 'group' else 'chain'}, {size:,} tasks"


def beside(settings: Settings) -> str:
    """Return the name of the yardstick: the shortest run."""
    return f"that of {settings.small:,}"


def _cases(settings: Settings) -> Iterator[tuple[str, int, Contender]]:
    sizes = [size for size in (settings.small, settings.large, settings.huge) if size]
    peers = [each for each in peers_for(settings, "chain") if not each.name.startswith("DBOS") or each.options]
    for work, contender in (
        ("chain", RAW),
        ("chain", OURS),
        ("group", in_flight(OURS, 64)),
        *(("chain", p) for p in peers),
    ):
        level = NORMAL if contender.durability == FULL else contender.durability
        for size in sizes:
            slow = contender.peer and settings.peers[contender.peer].peer.slow
            if size != settings.huge or not slow:
                relaxed = replace(contender, case=case(work, size), synchronous="normal", durability=level)
                yield work, size, relaxed


def _times(settings: Settings, contender: Contender, size: int) -> int:
    if contender.peer:
        return 1
    return settings.peer_repetitions if size == settings.huge else settings.repetitions
