"""Tasks a second: chains and groups of no-op tasks, beside raw sqlite3 and the peers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from benchmarks.figures import Line, Table, number, ratios
from benchmarks.launch import FULL, NONE, NORMAL, Contender, measure
from benchmarks.protocol import Answer
from benchmarks.settings import Entry, Series, Settings, take_turns
from durable_sqlite.connection import AUTOCHECKPOINT

RAW = Contender("raw sqlite3", "benchmarks.programs.raw", yardstick=True)
RAW_TUNED = replace(RAW, name="raw, our pragmas", options={"autocheckpoint": AUTOCHECKPOINT["full"]})
OURS = Contender("durable", "benchmarks.programs.ours", ours=True)


def chain_full(settings: Settings) -> Table:
    """A chain, every result safe from power loss before the next task begins."""
    return _table(
        settings, "chain-full", "chain", settings.small, [RAW, RAW_TUNED, OURS, *peers_for(settings, "chain")]
    )


def chain_full_large(settings: Settings) -> Table:
    """The same, ten times as long, without the peers."""
    return _table(settings, "chain-full-large", "chain", settings.large, [RAW, RAW_TUNED, OURS])


def chain_normal(settings: Settings) -> Table:
    """A chain without a sync a task: what the code itself costs."""
    contenders = [RAW, OURS, *(peer for peer in peers_for(settings, "chain") if peer.durability == FULL)]
    relaxed = [replace(each, synchronous="normal", durability=NORMAL) for each in contenders]
    return _table(settings, "chain-normal", "chain", settings.small, relaxed)


def group_full(settings: Settings) -> Table:
    """A group, every result safe from power loss; raw inserts its rows one after another."""
    windows = (8, 64)
    ours = [replace(OURS, name=f"durable, {window} in flight", window=window) for window in windows]
    peers = [
        replace(peer, name=f"{peer.name}, {window} in flight", window=window)
        for peer in peers_for(settings, "group")
        for window in windows
    ]
    return _table(settings, "group-full", "group", settings.small, [RAW, RAW_TUNED, *ours, *peers])


def growth(settings: Settings) -> Table:
    """What one task costs in longer and longer runs."""
    sizes = [size for size in (settings.small, settings.large, settings.huge) if size]
    chain = replace(OURS, name="durable, chain", synchronous="normal", durability=NORMAL)
    group = replace(chain, name="durable, group, 64 in flight", window=64)
    raw = replace(RAW, synchronous="normal", durability=NORMAL)
    entries, makers = [], []
    for work, contender in (("chain", raw), ("chain", chain), ("group", group)):
        for size in sizes:
            name = f"{contender.name}, {size:,} tasks"
            times = settings.peer_repetitions if size == settings.huge else settings.repetitions
            entries.append(Entry(name, _once(settings, contender, work, size), times))
            makers.append((name, contender, size))
    series, unable = take_turns(entries, settings.tell)
    table = Table("growth", "Cost of one task as runs grow, synchronous=NORMAL", "us a task", False, missing=unable)
    column = f"that of {settings.small:,}"
    for name, contender, size in makers:
        costs = [answer["seconds"] / size * 1e6 for answer in series.get(name, [])]
        line = Line(name, contender.durability, costs, ours=contender.ours, yardstick=contender.yardstick)
        first = f"{contender.name}, {settings.small:,} tasks"
        if size == settings.small:
            base = costs
        if name != first:
            line.ratios[column] = ratios(costs, base)
        table.lines.append(line)
    return table


def _table(settings: Settings, name: str, work: str, count: int, contenders: Sequence[Contender]) -> Table:
    """Let the contenders take turns at one piece of work, and put the result into a table."""
    entries = [
        Entry(
            contender.name,
            _once(settings, contender, work, count),
            min(settings.peer_repetitions, settings.repetitions) if contender.peer else settings.repetitions,
        )
        for contender in contenders
    ]
    series, unable = take_turns(entries, settings.tell)
    what = f"{count:,} no-op tasks one after another" if work == "chain" else f"A group of {count:,} no-op members"
    level = contenders[0].synchronous.upper()
    missing = unable | {each.peer.name: each.told for each in settings.peers.values() if each.python is None}
    table = Table(name, f"{what}, synchronous={level}", "tasks/s", True, missing=missing)
    rates = {key: [count / answer["seconds"] for answer in answers] for key, answers in series.items()}
    for contender in contenders:
        if contender.name not in rates:
            continue
        values = rates[contender.name]
        line = Line(contender.name, contender.durability, values, ours=contender.ours, yardstick=contender.yardstick)
        for yardstick in contenders:
            if yardstick.yardstick and yardstick.name != contender.name and yardstick.name in rates:
                line.ratios[yardstick.name] = ratios(values, rates[yardstick.name])
        table.lines.append(line)
    table.notes = _notes(series, contenders)
    return table


def _notes(series: Series, contenders: Sequence[Contender]) -> list[str]:
    """Say what the headline leaves out: opening and closing; and what of it is the drive alone."""
    notes = []
    for contender in contenders:
        answers = series.get(contender.name, [])
        if not answers or "whole" not in answers[0]:
            continue
        whole = median(answer["whole"] for answer in answers) * 1000
        text = f"{contender.name}: {number(whole)} ms with making, opening and closing the database"
        if "drive" in answers[0]:
            drive = median(answer["drive"] for answer in answers) * 1000
            text += f"; {number(drive)} ms from the run's first event to its last"
        notes.append(text)
    return notes


def _once(settings: Settings, contender: Contender, work: str, count: int) -> Callable[[], Answer]:
    return lambda: measure(contender, work, count, settings.folder, settings.limit)


def peers_for(settings: Settings, work: str) -> list[Contender]:
    """Return the peers that are installed and can do the work, in the ways they can do it."""
    found = []
    for environment in settings.peers.values():
        module, python = environment.peer.module, environment.python
        if module is None or python is None:
            continue
        peer = Contender(f"{environment.peer.name} {environment.told}", module, python=python, peer=True)
        if environment.peer.name == "DBOS":
            found.append(peer)
            found.append(replace(peer, name=f"{peer.name}, WAL", options={"journal": "wal"}))
        elif environment.peer.name == "LangGraph":
            found.append(peer)
        elif work == "chain" or environment.peer.name == "Graflow":
            found.append(replace(peer, durability=NONE))
    return found
