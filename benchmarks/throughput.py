"""Tasks a second: chains and groups of no-op tasks, beside raw sqlite3 and the peers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from benchmarks.figures import Table, number, ratios
from benchmarks.launch import FULL, NONE, NORMAL, STATES, Contender, measure
from benchmarks.protocol import Answer
from benchmarks.settings import Entry, Series, Settings
from durable_sqlite.opening import AUTOCHECKPOINT

MEGABYTE = 1_000_000
PEAK = "peak MB"
"""The most memory that the process had resident, interpreter, imports and the warm-up included."""

RAW = Contender("raw sqlite3", "benchmarks.programs.raw", yardstick=True)
RAW_TUNED = replace(RAW, name="raw, our pragmas", options={"autocheckpoint": AUTOCHECKPOINT["full"]})
OURS = Contender("durable", "benchmarks.programs.ours", ours=True)
WINDOWS = (8, 64)


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
    ours = [in_flight(OURS, window) for window in WINDOWS]
    peers = [in_flight(peer, window) for peer in peers_for(settings, "group") for window in WINDOWS]
    return _table(settings, "group-full", "group", settings.small, [RAW, RAW_TUNED, *ours, *peers])


def in_flight(contender: Contender, window: int, before: str = "") -> Contender:
    """Return the contender with so many members of a group in flight."""
    return replace(contender, case=f"{before}{window} in flight", window=window)


def once(settings: Settings, contender: Contender, work: str, count: int) -> Callable[[], Answer]:
    """Return what measures a contender once."""
    return lambda: measure(contender, work, count, settings.folder, settings.limit_for(contender.peer))


def peaks(answers: Sequence[Answer]) -> list[float]:
    """Return the most memory of each measurement, in megabytes."""
    return [answer["peak"] / MEGABYTE for answer in answers]


def _table(settings: Settings, name: str, work: str, count: int, contenders: Sequence[Contender]) -> Table:
    """Let the contenders take turns at one piece of work, and put the result into a table."""
    entries = [
        Entry(each.label, once(settings, each, work, count), settings.times(each.peer), each.peer)
        for each in contenders
    ]
    series, unable = settings.turns(entries)
    what = f"{count:,} no-op tasks one after another" if work == "chain" else f"A group of {count:,} no-op members"
    level = contenders[0].synchronous.upper()
    missing = unable | (settings.missing(name) if name != "chain-full-large" else {})
    table = Table(name, f"{what}, synchronous={level}", "tasks/s", True, missing=missing)
    rates = {key: [count / answer["seconds"] for answer in answers] for key, answers in series.items()}
    for contender in contenders:
        if not rates.get(contender.label):
            continue
        line = contender.line(rates[contender.label])
        for yardstick in contenders:
            if yardstick.yardstick and yardstick.name != contender.name and yardstick.label in rates:
                line.ratios[yardstick.name] = ratios(line.values, rates[yardstick.label])
        line.more[PEAK] = peaks(series[contender.label])
        table.lines.append(line)
    table.notes = _notes(series, contenders)
    return table


def _notes(series: Series, contenders: Sequence[Contender]) -> list[str]:
    """Say what the headline leaves out: opening and closing; and what of it is the drive alone."""
    notes = []
    for contender in contenders:
        answers = series.get(contender.label, [])
        if not answers or "whole" not in answers[0]:
            continue
        whole = median(answer["whole"] for answer in answers) * 1000
        text = f"{contender.label}: {number(whole)} ms with making, opening and closing the database"
        if "drive" in answers[0]:
            drive = median(answer["drive"] for answer in answers) * 1000
            text += f"; {number(drive)} ms from the run's first event to its last"
        notes.append(text)
    return notes


def peers_for(settings: Settings, work: str) -> list[Contender]:
    """Return the peers that are installed and can do the work, in the ways they can do it."""
    found = []
    for environment in settings.able("group-full" if work == "group" else "chain-full"):
        module, python, name = environment.peer.module, environment.python, environment.peer.name
        if module is None or python is None:
            continue
        peer = Contender(environment.label, module, python=python, peer=name)
        if name == "DBOS":
            found += [peer, replace(peer, name=f"{peer.name}, WAL", options={"journal": "wal"})]
        else:
            levels = {"Graflow": NONE, "litestar-workflows": NONE, "Prefect": STATES}
            found.append(replace(peer, durability=levels.get(name, FULL)))
    return found
