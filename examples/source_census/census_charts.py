"""Charts as SVG text: stacked bars, grouped columns, and a bar of Unicode blocks for tables.

The same input gives the same bytes. The colours follow the reader's light or dark mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 860
LEFT, RIGHT, TOP = 190, 90, 104
SERIES = ("one", "two", "three", "four")
"""Class names of the colours, in the order in which a chart's series take them."""

STYLE = """
  text { font-family: ui-sans-serif, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #24303c }
  .card { fill: #ffffff; stroke: #dde2e8 } .grid { stroke: #e8ecf0 } .axis { stroke: #b8c1cb }
  .title { font-size: 19px; font-weight: 650 } .note { font-size: 13px; fill: #66727f }
  .label { font-size: 13px } .value { font-size: 12px; fill: #66727f }
  .one { fill: #2b6c9e } .two { fill: #e0a03c } .three { fill: #86a873 } .four { fill: #d3d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e3e9ef } .card { fill: #151b22; stroke: #2c3641 } .grid { stroke: #28313b } .axis { stroke: #4a5664 }
    .note, .value { fill: #94a1ae }
    .one { fill: #5fa3d6 } .two { fill: #e8b45c } .three { fill: #8fb87b } .four { fill: #4b5662 }
  }
"""

Row = tuple[str, Sequence[float]]


def stacked_bars(title: str, note: str, series: Sequence[str], rows: Sequence[Row]) -> str:
    """Draw one horizontal bar a row, made of the series' parts, with its sum at the end.

    Args:
        title, note: the chart's heading and the line below it.
        series: names of the parts.
        rows: label and value of each part.
    """
    step, thick = 29, 19
    height = TOP + step * len(rows) + 26
    largest = max((sum(values) for _, values in rows), default=0)
    scale = (WIDTH - LEFT - RIGHT) / (largest or 1)
    body = [*_heading(title, note), *_legend(series)]
    bottom = TOP + step * len(rows)
    for tick in _ticks(largest):
        x = LEFT + tick * scale
        body.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom}"/>')
        body.append(_text(x, bottom + 15, number(tick), "value", "middle"))
    for index, (label, values) in enumerate(rows):
        y = TOP + index * step + (step - thick) / 2
        body.append(_text(LEFT - 12, y + 14, label if len(label) <= 22 else label[:21] + "…", "label", "end"))
        x = float(LEFT)
        for color, value in zip(SERIES, values, strict=False):
            if value:
                body.append(_bar(x, y, value * scale, thick, color))
            x += value * scale
        body.append(_text(x + 8, y + 14, number(sum(values)), "value"))
    body.append(f'<line class="axis" x1="{LEFT}" y1="{TOP - 4}" x2="{LEFT}" y2="{bottom}"/>')
    return _svg(title, note, height, body)


def grouped_columns(title: str, note: str, series: Sequence[str], rows: Sequence[Row]) -> str:
    """Draw a group of columns a row, one for each series, with shares (0 to 1) as their heights."""
    height, floor = 360, 312
    largest = max((value for _, values in rows for value in values), default=0) or 1
    scale = (floor - TOP - 12) / largest
    room = (WIDTH - 100) / max(len(rows), 1)
    thick = room * 0.74 / max(len(series), 1)
    body = [*_heading(title, note), *_legend(series)]
    for index, (label, values) in enumerate(rows):
        start = 50 + index * room + (room - thick * len(values)) / 2
        body.append(_text(50 + index * room + room / 2, floor + 20, label, "label", "middle"))
        for place, value in enumerate(values):
            x, tall = start + place * thick, value * scale
            body.append(_bar(x + 1, floor - tall, thick - 2, tall, SERIES[place]))
            body.append(_text(x + thick / 2, floor - tall - 6, percent(value), "value", "middle"))
    body.append(f'<line class="axis" x1="50" y1="{floor}" x2="{WIDTH - 50}" y2="{floor}"/>')
    return _svg(title, note, height, body)


def block_bar(share: float, width: int = 24) -> str:
    """Return a bar of Unicode blocks, an eighth of a character exact."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def number(value: float) -> str:
    """Write a number with commas: 31,525,224."""
    return f"{round(value):,}"


def percent(share: float) -> str:
    """Write a share as a percentage, with one decimal below ten."""
    return f"{share * 100:.0f}%" if share >= 0.0995 or not share else f"{share * 100:.1f}%"


def _ticks(largest: float) -> list[float]:
    """Return three to six round numbers from 0 up to the largest value."""
    if largest <= 0:
        return [0]
    step = 1.0
    while largest / step > 5:
        step *= 2.5 if str(step).startswith("2") else 2
    return [step * index for index in range(int(largest / step) + 1)]


def _heading(title: str, note: str) -> list[str]:
    return [_text(28, 40, title, "title"), _text(28, 62, note, "note")]


def _legend(series: Sequence[str]) -> list[str]:
    parts, x = [], 28.0
    for color, name in zip(SERIES, series, strict=False):
        parts.append(_bar(x, 76, 12, 12, color))
        parts.append(_text(x + 18, 87, name, "note"))
        x += 18 + 7.2 * len(name) + 22
    return parts


def _bar(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect class="{color}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5"/>'


def _text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, note: str, height: float, body: Sequence[str]) -> str:
    inside = "\n  ".join(body)
    space = "http://www.w3.org/2000/svg"
    return f"""<svg xmlns="{space}" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">
  <title>{escape(title)}</title>
  <desc>{escape(note)}</desc>
  <style>{STYLE}  </style>
  <rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="10"/>
  {inside}
</svg>
"""
