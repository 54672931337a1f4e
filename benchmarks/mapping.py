"""A map: a group whose members are made from a range while the run goes on, up to a million of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmarks.figures import Table, ratios
from benchmarks.launch import Contender, database_bytes, measure
from benchmarks.protocol import Answer
from benchmarks.settings import Entry, Settings
from benchmarks.throughput import OURS, PEAK, RAW_TUNED, peaks
from durable import Task

BYTES = "bytes a member"
WINDOW = 64
NOTES = (
    f"`task.map(range(n))`, max_concurrent={WINDOW}, synchronous=FULL; a member takes a number and returns nothing.",
    "Raw inserts one row a member, one commit each. It has no second process and no threads.",
    "Peers have nothing that takes a million members from a generator; their groups of 1,000 stand in group-full.",
)


def mapped(settings: Settings) -> Table:
    """Time, memory and bytes of maps; the largest is run once, and raw does not take part in it."""
    table = Table("map", "A map of no-op members, synchronous=FULL", "s", False, notes=list(NOTES))
    if not hasattr(Task, "map"):
        table.missing["all"] = "this version of durable has no Task.map"
        return table
    largest = settings.members[-1]
    ours = replace(OURS, window=WINDOW)
    chosen = [(replace(who, case=case(size)), size) for size in settings.members for who in (RAW_TUNED, ours)]
    chosen = [(each, size) for each, size in chosen if each.ours or size != largest or len(settings.members) == 1]
    entries = [
        Entry(each.label, _once(settings, each, size), 1 if size == largest else settings.peer_repetitions)
        for each, size in chosen
    ]
    series, table.missing = settings.turns(entries)
    for each, size in chosen:
        if not (answers := series.get(each.label)):
            continue
        line = each.line([answer["seconds"] for answer in answers])
        base = series.get(replace(RAW_TUNED, case=case(size)).label)
        if each.ours and base:
            line.ratios[RAW_TUNED.name] = ratios(line.values, [answer["seconds"] for answer in base])
        line.more[PEAK] = peaks(answers)
        line.more[BYTES] = [answer["bytes"] / size for answer in answers]
        table.lines.append(line)
    return table


def case(size: int) -> str:
    """Return what the table calls a map of so many members."""
    return f"{size:,} members"


def _once(settings: Settings, contender: Contender, size: int) -> Callable[[], Answer]:
    work = "map" if contender.ours else "chain"
    limit = max(settings.limit, size / 2000)
    return lambda: measure(contender, work, size, settings.folder, limit, look=database_bytes)
