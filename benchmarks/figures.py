"""Figures and tables: what was measured, as data. It measures nothing and prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Line:
    """One line of a table: somebody's figures.

    Attributes:
        name: who or what.
        durability: what survives what.
        values: one a repetition, in the table's unit.
        ratios: to each yardstick by its name, one a repetition, made within that repetition.
        ours: it is durable's.
        yardstick: others are compared with it; it is in no contest.
    """

    name: str
    durability: str = ""
    values: list[float] = field(default_factory=list)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    ours: bool = False
    yardstick: bool = False


@dataclass
class Table:
    """The result of one benchmark.

    Attributes:
        name: what ``--only`` calls it.
        title: what was done, with the numbers.
        unit: of the values.
        higher_is_better: whether more of the unit is better.
        lines: the figures.
        notes: what else there is to say.
        missing: who was to be measured and was not, and why.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def better_than_ours(self) -> list[str]:
        """Return those whose median is better than durable's best, yardsticks left out, with what survives."""
        ours = [median(line.values) for line in self.lines if line.ours and line.values]
        if not ours:
            return []
        best = max(ours) if self.higher_is_better else min(ours)
        return [
            f"{line.name} (survives {line.durability})" if line.durability else line.name
            for line in self.lines
            if line.values
            and not line.ours
            and not line.yardstick
            and (median(line.values) > best if self.higher_is_better else median(line.values) < best)
        ]


def ratios(values: Sequence[float], yardstick: Sequence[float]) -> list[float]:
    """Return values over the yardstick's, pair by pair, as far as both go."""
    return [value / base for value, base in zip(values, yardstick, strict=False)]


def number(value: float) -> str:
    """Return a figure as people read it: three digits that count."""
    if value >= 999.5:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}"


def spread(values: Sequence[float]) -> str:
    """Return median and extremes: ``12.1 (11.8-14.0)``; the figure alone when there is only one."""
    if not values:
        return ""
    middle = number(median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))}-{number(max(values))})"
