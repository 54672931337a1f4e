"""Tables as Markdown, and everything as JSON. It measures nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.figures import Table, spread
from benchmarks.settings import Settings
from benchmarks.summary import NOTE, summary

BETTER = "Where another library did better"
HOW_TO_READ = """Figures are medians, with the least and the greatest in brackets. Ratios are made within each
repetition, between measurements that follow each other, and then their median is taken: over 1 means
more of the unit than the yardstick. See [README.md](README.md) for what is measured and how, and for
what cannot be compared."""


def as_markdown(table: Table) -> str:
    """Return one table, with its notes."""
    further = list(dict.fromkeys(unit for line in table.lines for unit in line.more))
    compared = {name: None for line in table.lines for name in line.ratios}
    named = [line.name for line in table.lines if line.name in compared]
    yardsticks = [*named, *(name for name in compared if name not in named)]
    durability = any(line.durability for line in table.lines)
    head = ["", *(["survives"] if durability else []), table.unit, *(f"/ {name}" for name in yardsticks), *further]
    rows = [
        [
            line.name,
            *([line.durability] if durability else []),
            spread(line.values),
            *(spread(line.ratios.get(name, ())) for name in yardsticks),
            *(spread(line.more.get(unit, ())) for unit in further),
        ]
        for line in table.lines
    ]
    parts = [f"## {table.name}: {table.title}", *([_grid(head, rows)] if rows else [])]
    notes = [*table.notes, *(f"Not measured: {name}: {why}" for name, why in table.missing.items())]
    if notes:
        parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts)


def top(tables: Sequence[Table], settings: Settings) -> str:
    """Return the summary, and where another library did better."""
    head, rows = summary(tables, settings)
    parts = ["## Summary", NOTE, _grid(head, rows)] if rows else []
    faster = {table.name: table.better_than_ours() for table in tables}
    lines = [f"- {name}: {'; '.join(names)}" for name, names in faster.items() if names]
    parts += [f"## {BETTER}", "\n".join(lines) or "In no table below."]
    return "\n\n".join(parts)


def page(tables: Sequence[Table], facts: Mapping[str, str], how: str, settings: Settings) -> str:
    """Return the whole of RESULTS.md.

    Args:
        tables: the results.
        facts: about the machine.
        how: the command and its repetitions, in words.
        settings: how it was measured.
    """
    parts = ["# Results", f"Written by `python -m benchmarks --write`. {how}", HOW_TO_READ]
    parts.append(_grid(["", ""], [[name, text] for name, text in facts.items()]))
    parts.append(top(tables, settings))
    parts += [as_markdown(table) for table in tables]
    return "\n\n".join(parts) + "\n"


def as_json(tables: Sequence[Table], facts: Mapping[str, str], how: str) -> str:
    """Return everything that was measured, value by value."""
    whole: dict[str, Any] = {"how": how, "machine": dict(facts), "tables": [asdict(table) for table in tables]}
    return json.dumps(whole, indent=1) + "\n"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [_row(head, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    return "\n".join(lines + [_row(row, widths) for row in rows])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
