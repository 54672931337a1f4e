"""What a task leaves behind: bytes, transactions, syncs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.counting import Counter, counter
from benchmarks.figures import Table
from benchmarks.launch import FULL, NONE, NORMAL, Contender, Unable, database_bytes, measure
from benchmarks.protocol import Answer
from benchmarks.settings import Entry, Settings
from benchmarks.throughput import OURS, RAW, WINDOWS, in_flight, peers_for

NORMAL_CASE = "chain, synchronous=NORMAL"


def log_size(settings: Settings) -> Table:
    """How many bytes one more task adds to the database."""
    table = Table("log-size", "Size of the database for one more no-op task", "bytes a task", False)
    table.notes.append(
        f"The size with {settings.small * 2:,} tasks less that with {settings.small:,}, a task; once the write-ahead"
        " log is folded in. durable's holds two events a task and the task's line in the recorded definition. DBOS"
        " only with WAL: the file holds the same."
    )
    cases = [each for each in (*_ours_and_raw(), *_peers(settings)) if each[0].durability == FULL]
    cases = [each for each in cases if each[0].peer != "DBOS" or each[0].options]
    _measure(table, settings, cases, "bytes", (settings.small, settings.small * 2), look=database_bytes)
    table.missing |= settings.missing("log-size")
    if "Prefect" in settings.peers:
        table.missing["Prefect"] = "what it keeps is in a database of its server's"
    return table


def appends(settings: Settings) -> Table:
    """How many transactions a task takes, counted at the store."""
    table = Table("appends", "Transactions a task, counted at the store's append", "a task", False)
    table.notes.append(
        "Group commit: what finished while the last commit was on its way is recorded in the next one. A"
        " transaction is not a sync: see the table syncs for these."
    )
    ours = [each for each in _ours_and_raw() if each[0].ours]
    _measure(table, settings, ours, "appends", (settings.small // 2, settings.small), options={"count_appends": True})
    return table


def syncs(settings: Settings) -> Table:
    """How often a task has the disk asked to write for good."""
    table = Table("syncs", "Syncs a task (fsync, fdatasync, msync, sync, syncfs), synchronous=FULL", "a task", False)
    found = counter(settings.folder)
    if not isinstance(found, Counter):
        table.missing["all"] = f"not counted: {found}"
        return table
    table.notes += [
        f"Counted by {found.told}, in the program and all that it starts, with {settings.small:,} tasks less those with"
        f" {settings.small // 2:,}.",
        "SQLite's checkpoints of the write-ahead log sync too: that is what is above one a commit. With"
        " synchronous=NORMAL a commit syncs nothing, and only they are left.",
    ]
    relaxed = [
        (replace(each, case=NORMAL_CASE, synchronous="normal", durability=NORMAL), "chain") for each in (RAW, OURS)
    ]
    cases = [*_ours_and_raw(), *relaxed, *_peers(settings)]
    sizes = settings.small // 2, settings.small
    _measure(table, settings, cases, "syncs", sizes, prefix=found.prefix, look=found.look)
    for line in table.lines:
        line.contest = line.durability != NONE
    table.missing |= settings.missing("syncs")
    return table


def _ours_and_raw() -> list[tuple[Contender, str]]:
    chains = [(replace(each, case="chain"), "chain") for each in (RAW, OURS)]
    return [*chains, *((in_flight(OURS, window, "group, "), "group") for window in WINDOWS)]


def _peers(settings: Settings) -> list[tuple[Contender, str]]:
    """Return the peers' chains, and their groups with the wider window only: at the other they take long."""
    chains = [(replace(each, case="chain"), "chain") for each in peers_for(settings, "chain")]
    groups = [(in_flight(each, WINDOWS[-1], "group, "), "group") for each in peers_for(settings, "group")]
    return [*chains, *groups]


def _measure(
    table: Table,
    settings: Settings,
    cases: Iterable[tuple[Contender, str]],
    key: str,
    sizes: tuple[int, int],
    *,
    look: Callable[[Path], Answer] | None = None,
    prefix: tuple[str, ...] = (),
    options: Mapping[str, bool] | None = None,
) -> None:
    """Add what one more task adds to a count: what does not grow with the tasks falls out."""
    fewer, more = sizes

    def slope(contender: Contender, work: str) -> Callable[[], Answer]:
        def counted(count: int) -> float:
            limit = settings.limit_for(contender.peer)
            chosen = {"warm_up": False, **(options or {})}
            answer = measure(contender, work, count, settings.folder, limit, prefix=prefix, look=look, options=chosen)
            if key not in answer:
                raise Unable("it left nothing to count")
            return float(answer[key])

        return lambda: {"slope": (counted(more) - counted(fewer)) / (more - fewer)}

    chosen = list(cases)
    series, unable = settings.turns([Entry(each.label, slope(each, work), 1, each.peer) for each, work in chosen])
    table.missing |= unable
    for contender, _ in chosen:
        if answers := series.get(contender.label):
            table.lines.append(contender.line([answer["slope"] for answer in answers]))
