"""Printing: facts to stdout, notes to stderr; tables and colours on a terminal, plain lines elsewhere.

What comes from logs and errors is made harmless first: no control character reaches a terminal. It
must not know what it prints.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {
    "succeeded": "green", "failed": "red", "timed_out": "red", "cancelled": "magenta", "interrupted": "yellow",
    "waiting": "yellow", "running": "cyan", "reuse": "green", "run": "cyan", "judge": "cyan", "orphaned": "magenta",
    "damaged": "red", "intact": "green",
}  # fmt: skip
"""Colours of words that stand alone in a cell."""

_KEPT = "durable.stdout"
_WHOLE = 60  # names up to this length are not wrapped, so that they can be copied
_LEAST = 8  # of a column that may wrap
_LAST = 16  # of the last column, which is cut short
_GAP = 3


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a stream (stdout) is a terminal that can do more than lines."""
    stream = sys.stdout if stream is None else stream
    with suppress(ValueError):  # it is closed
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    return False


def printable(text: str, keep: str = "") -> str:
    """Return text whose control characters are escaped.

    Args:
        text: any text.
        keep: control characters that stay, such as line ends.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def coloured(text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False) -> str:
    """Return text in a colour; ``click.echo`` takes it out again where it does not belong."""
    if os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour, bold=bold or None, dim=dim or None)


def say(text: str) -> None:
    """Print a fact."""
    click.echo(text)


def note(text: str) -> None:
    """Print a remark to stderr."""
    click.echo(text, err=True)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: columns of text, or on a terminal a table that fits its width.

    Args:
        heads: names of the columns; the last one may be cut short, or wrapped on a terminal.
        rows: the cells.
    """
    safe = [[printable(cell) for cell in row] for row in rows]
    if is_terminal():
        _rich_table(heads, safe)
        return
    widths = [max(map(len, column)) for column in zip(heads, *safe, strict=True)]
    for row in (heads, *safe):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    columns = [[head, *cells] for head, *cells in zip(heads, *rows, strict=True)]
    widths = [max(map(len, cells)) for cells in columns]
    if widths[0] > _WHOLE:
        widths[0] = console().width // 3
    room = console().width - sum(widths[:-1]) - _GAP * len(widths)
    for number, (head, cells, width) in enumerate(zip(heads, columns, widths, strict=True)):
        if number == len(heads) - 1:
            table.add_column(head, overflow="ellipsis", no_wrap=True, max_width=max(room, _LAST))
        else:
            kept = max(map(len, cells)) <= width if number == 0 else not any(" " in cell for cell in cells)
            least = width if kept else min(width, _LEAST)
            table.add_column(head, overflow="fold", no_wrap=kept, min_width=least, max_width=width)
    for row in rows:
        table.add_row(*(Text(cell, COLOURS.get(cell, "")) for cell in row))
    console().print(table)


@cache
def console() -> Console:
    """Return rich's console for stdout: one for all, because streams of an earlier display still lead to it."""
    from rich.console import Console

    return Console()


def print_json(document: Any, *, lines: bool = False) -> None:
    """Print a JSON document to stdout, as it was before ``keep_stdout_for_json``.

    Args:
        document: what msgspec can encode.
        lines: print it on one line.
    """
    import msgspec

    data = msgspec.json.encode(document)
    text = (data if lines else msgspec.json.format(data, indent=2)).decode()
    context = click.get_current_context(silent=True)  # there is none yet while the command's name is read
    click.echo(text, file=context.find_root().meta.get(_KEPT) if context is not None else None)


def keep_stdout_for_json() -> None:
    """Let only ``print_json`` write to stdout until the command has ended.

    What tasks and their children print meanwhile goes to stderr.
    """
    context = click.get_current_context().find_root()
    before, kept = sys.stdout, sys.stdout
    with suppress(OSError, ValueError):  # not a file: replaced by a test or a notebook
        if sys.stdout.fileno() == 1:
            sys.stdout.flush()
            kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
            os.dup2(2, 1)
    context.meta[_KEPT] = kept
    context.call_on_close(partial(_give_back, before, kept))
    sys.stdout = sys.stderr


def _give_back(before: TextIO, kept: TextIO) -> None:
    """Undo ``keep_stdout_for_json``: a program may call ``main`` more than once."""
    sys.stdout = before
    if kept is not before:
        kept.flush()
        os.dup2(kept.fileno(), 1)
        kept.close()
