"""The one table at the top: what was aimed at, what came of it, and the same of raw SQLite and the peers.

It measures nothing: it picks lines out of the other tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.figures import Line, Table, number, spread
from benchmarks.footprint import NORMAL_CASE
from benchmarks.growth import beside
from benchmarks.growth import case as growth_case
from benchmarks.mapping import BYTES
from benchmarks.mapping import case as map_case
from benchmarks.resuming import case as resume_case
from benchmarks.resuming import long_case
from benchmarks.settings import Settings
from benchmarks.starting import SCRIPT, SIZE
from benchmarks.throughput import PEAK, RAW, RAW_TUNED

OURS = "durable"
NOTE = (
    "Medians, and for durable the least and the greatest in brackets. A target is met if the median meets it; it is"
    " judged only at the full numbers of tasks. Raw SQLite resumes nothing: its figure is that of reading the events."
    " **Bold**: better than durable. Empty: not measured, or not"
    " comparable; the tables below say which and why."
)


@dataclass(frozen=True)
class Row:
    """One row of the summary.

    Attributes:
        work: what was done.
        unit: what is shown, for readers.
        table: the name of the table with the figures.
        case: the case of the lines that are shown.
        figure: a ratio or a further figure of those lines; "" for their values.
        target: what is aimed at, None when nothing is.
        higher_is_better: whether more is better.
    """

    work: str
    unit: str
    table: str
    case: str = ""
    figure: str = ""
    target: float | None = None
    higher_is_better: bool = False

    def values(self, line: Line | None) -> list[float]:
        """Return what is shown of somebody's line; nothing of none."""
        if line is None:
            return []
        return line.figures(self.figure) if self.figure else line.values

    def met(self, values: Sequence[float]) -> bool:
        """Return whether a median meets the target."""
        assert self.target is not None
        return median(values) >= self.target if self.higher_is_better else median(values) <= self.target

    def aim(self) -> str:
        """Return the target in words."""
        if self.target is None:
            return ""
        return f"{'at least' if self.higher_is_better else 'at most'} {self.target:,.10g}"


def summary(tables: Sequence[Table], settings: Settings) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the summary; rows without a figure are left out.

    Args:
        tables: what was measured.
        settings: how it was measured.
    """
    known = {table.name: table for table in tables}
    columns = list(dict.fromkeys(line.who for table in tables for line in table.lines if not _apart(line)))
    columns.sort(key=lambda who: _place(who, settings))
    rows = [_cells(row, known[row.table], columns, settings) for row in _rows(settings) if row.table in known]
    kept = [row for row in rows if any(row[2:])]
    if not kept:
        return [], []
    survives = _survives(known, columns)
    used = [place for place, _ in enumerate(columns) if any(row[5 + place] for row in kept)]
    chosen = [*range(5), *(5 + place for place in used)]
    head = ["work", "unit", OURS, "target", "met", *columns]
    return [head[place] for place in chosen], [[row[place] for place in chosen] for row in (*survives, *kept)]


def _rows(settings: Settings) -> Iterator[Row]:
    small, large, huge = settings.small, settings.large, settings.huge
    chain, eight, many = f"chain of {small:,}, FULL", "8 in flight", "64 in flight"
    yield Row(chain, "tasks/s", "chain-full", higher_is_better=True)
    yield Row(chain, "of raw", "chain-full", "", RAW.name, 1.0, True)
    yield Row(chain, "of raw with durable's pragmas", "chain-full", "", RAW_TUNED.name, 0.7, True)
    yield Row(
        f"chain of {large:,}, FULL", "of raw with durable's pragmas", "chain-full-large", "", RAW_TUNED.name, 0.6, True
    )
    yield Row(f"chain of {small:,}, NORMAL", "tasks/s", "chain-normal", target=12_000, higher_is_better=True)
    for case, target in ((eight, 3.0), (many, 6.0)):
        yield Row(f"group of {small:,}, {case}, FULL", "tasks/s", "group-full", case, higher_is_better=True)
        yield Row(f"group of {small:,}, {case}, FULL", "of raw", "group-full", case, RAW.name, target, True)
    for work in ("chain", "group"):
        for size in (large, huge) if huge else (large,):
            what = f"cost of a task, {growth_case(work, size)}"
            yield Row(what, f"of that at {small:,}", "growth", growth_case(work, size), beside(settings), 1.1)
    for size, target in ((small, 150), (large, 200)):
        yield Row(f"kill to first new body, {resume_case(size)}", "ms", "resume", resume_case(size), target=target)
    for shape in ("map", "chain"):
        for kept, target in ((True, 150), (False, 500)):
            what = f"the same, {settings.events:,} events, {long_case(shape, kept)}"
            yield Row(what, "ms", "resume-events", long_case(shape, kept), target=target if shape == "map" else None)
    for size in settings.members:
        most = size == settings.members[-1]
        what = f"map of {size:,}, 64 in flight, FULL"
        yield Row(what, "s", "map", map_case(size))
        yield Row(what, PEAK, "map", map_case(size), PEAK, 200 if most else None)
        yield Row(what, BYTES, "map", map_case(size), BYTES, 200 if most else None)
    yield from _footprint_rows(settings)


def _footprint_rows(settings: Settings) -> Iterator[Row]:
    small, largest = settings.small, settings.huge or settings.large
    yield Row(f"memory, chain of {small:,}", PEAK, "chain-full", "", PEAK)
    yield Row(f"memory, group of {small:,}, 64 in flight", PEAK, "group-full", "64 in flight", PEAK)
    yield Row(f"memory, {growth_case('chain', largest)}", PEAK, "growth", growth_case("chain", largest), PEAK)
    yield Row("one more task, chain", "bytes", "log-size", "chain")
    yield Row("one more task, group", "bytes", "log-size", "group, 64 in flight")
    yield Row("one more task, chain, FULL", "syncs", "syncs", "chain")
    yield Row("one more task, group, 8 in flight, FULL", "syncs", "syncs", "group, 8 in flight")
    yield Row("one more task, group, 64 in flight, FULL", "syncs", "syncs", "group, 64 in flight")
    yield Row("one more task, chain, NORMAL", "syncs", "syncs", NORMAL_CASE)
    yield Row("`import durable`", "ms", "imports", target=100)
    yield Row("import of what a script uses", "ms", "imports", SCRIPT, target=100)
    yield Row("`--help` of its command", "ms", "help", target=200)
    yield Row("installed", "packages", "install", target=14)
    yield Row("installed", SIZE, "install", "", SIZE, 60)


def _cells(row: Row, table: Table, columns: Sequence[str], settings: Settings) -> list[str]:
    fits = (line for line in table.lines if line.case == row.case or (line.yardstick and not line.case))
    found = {line.who: line for line in fits}
    ours = row.values(found.get(OURS))
    judged = bool(ours) and row.target is not None and settings.judged
    met = ("yes" if row.met(ours) else "no") if judged else ""
    cells = [row.work, row.unit, spread(ours), row.aim() if ours else "", met]
    return cells + [_rival(found.get(who), ours, row) for who in columns]


def _rival(line: Line | None, ours: Sequence[float], row: Row) -> str:
    values = row.values(line)
    if line is None or not values:
        return ""
    shown = number(median(values))
    if not ours or line.yardstick or not line.contest:
        return shown
    better = median(values) > median(ours) if row.higher_is_better else median(values) < median(ours)
    return f"**{shown}**" if better else shown


def _survives(known: Mapping[str, Table], columns: Sequence[str]) -> list[list[str]]:
    """Say what the results of each survive, so that nobody reads the rates without it."""
    lines = [line for name in ("chain-full", "group-full") if name in known for line in known[name].lines]
    levels = {line.who: line.durability for line in lines}
    if not levels:
        return []
    return [["results survive (FULL)", "", levels.get(OURS, ""), "", "", *(levels.get(who, "") for who in columns)]]


def _place(who: str, settings: Settings) -> int:
    """Return where somebody's column stands: raw SQLite first, then the peers in their order."""
    if who in (RAW.name, RAW_TUNED.name):
        return -1
    labels = [each.label for each in settings.peers.values()]
    return next((place for place, label in enumerate(labels) if who.startswith(label)), len(labels))


def _apart(line: Line) -> bool:
    return line.who == OURS or (line.yardstick and line.who not in (RAW.name, RAW_TUNED.name))
