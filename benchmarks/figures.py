"""Figures and tables: what was measured, as data. It measures nothing and prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Line:
    """One line of a table: somebody's figures.

    Attributes:
        name: who or what, in which case.
        durability: what survives what.
        values: one a repetition, in the table's unit.
        ratios: to each yardstick by its name, one a repetition, made within that repetition.
        ours: it is durable's.
        yardstick: others are compared with it; it is in no contest.
        contest: False when its figure is no better for being less, as of one that syncs nothing and loses all.
        who: whose line it is, whatever the case; the name where nothing else is said.
        case: what is the same in lines that can be compared, for instance "8 in flight".
        more: what else was measured on the way, by its unit; less of it is better.
    """

    name: str
    durability: str = ""
    values: list[float] = field(default_factory=list)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    ours: bool = False
    yardstick: bool = False
    contest: bool = True
    who: str = ""
    case: str = ""
    more: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.who = self.who or self.name

    def figures(self, unit: str) -> list[float]:
        """Return the ratios or the further figures of this name, nothing when there are none."""
        return self.ratios.get(unit) or self.more.get(unit) or []


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
        """Return who has a better median than durable in the same case, by which figure, and what it survives."""
        found = _better([(line, line.values) for line in self.lines], self.unit, self.higher_is_better)
        for unit in dict.fromkeys(unit for line in self.lines for unit in line.more):
            found += _better([(line, line.more.get(unit, [])) for line in self.lines], unit, False)
        return found


def _better(lines: Sequence[tuple[Line, list[float]]], unit: str, higher: bool) -> list[str]:
    found = []
    for line, values in lines:
        rivals = [median(each) for other, each in lines if other.ours and other.case == line.case and each]
        if line.ours or line.yardstick or not line.contest or not rivals or not values:
            continue
        own, best = median(values), max(rivals) if higher else min(rivals)
        if own > best if higher else own < best:
            survives = f"; survives {line.durability}" if line.durability else ""
            found.append(f"{line.name} ({number(own)} {unit} against {number(best)}{survives})")
    return found


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
