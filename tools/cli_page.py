"""The contents of docs/reference/cli.md, made from the help of the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence

import click

from durable.cli import exit_codes, main

Rows = Callable[[Sequence[str], Iterable[Sequence[str]]], list[str]]


def contents(rows: Rows) -> Iterator[str]:
    """Yield the lines of the page, without its title.

    Args:
        rows: makes the lines of a Markdown table.
    """
    with click.Context(main, info_name="durable") as ctx:
        yield from _text(main)
        yield from rows(
            ["command", "what it does"],
            ([f"[{name}](#durable-{name})", command.get_short_help_str(200)] for name, command in _all(ctx)),
        )
        yield from ["", "## Exit codes", ""]
        yield from rows(["code", "meaning"], ([f"{code}", meaning] for code, meaning in exit_codes.MEANINGS.items()))
        yield ""
        for name, command in _all(ctx):
            yield from [f"## durable {name}", ""]
            with click.Context(command, info_name=name, parent=ctx) as inner:
                yield from [
                    "```text",
                    f"{inner.command_path} {' '.join(command.collect_usage_pieces(inner))}",
                    "```",
                    "",
                ]
                yield from _text(command)
                yield from rows(["option", "meaning"], _options(command, inner))
            yield ""


def _all(ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in main.list_commands(ctx):
        command = main.get_command(ctx, name)
        assert command is not None
        yield name, command


def _text(command: click.Command) -> Iterator[str]:
    """The help's paragraphs; those that click is not to wrap are examples."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        example = paragraph.startswith("\b")
        yield from ["```sh", *paragraph.split("\n")[1:], "```", ""] if example else [paragraph, ""]


def _options(command: click.Command, ctx: click.Context) -> Iterator[list[str]]:
    for option in command.get_params(ctx):
        record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
        if record is not None:
            yield [f"`{record[0]}`", record[1]]
