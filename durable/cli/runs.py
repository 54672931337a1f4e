"""``durable runs``: list runs, newest first, without loading an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from durable.cli import exits
from durable.cli.options import json_option, store_option, verbose_option

if TYPE_CHECKING:
    from durable.store import RunInfo

STATUSES = ("running", "interrupted", "suspended", "succeeded", "failed", "cancelled")


@click.command(short_help="List runs, newest first.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs of this status.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0 for all.")
@store_option
@json_option
@verbose_option
def command(status: str | None, workflow: str | None, limit: int, store: str | None, as_json: bool) -> int:
    """List runs, newest first. A run that nobody drives although it has not ended is interrupted.

    \b
    durable runs
    durable runs --status failed --workflow nightly
    durable runs --json --limit 0
    """
    from durable.cli.render import note, print_json
    from durable.cli.stores import NothingYet, existing_store

    try:
        with existing_store(store) as opened:
            found = list(opened.runs(status=status, workflow=workflow, limit=limit + 1 if limit else None))
            now = opened.clock.now()
    except NothingYet as nothing:
        found, now = [], 0
        note(nothing.message)
    shown = found[:limit] if limit else found
    if as_json:
        print_json([_document(info) for info in shown])
    elif shown:
        _print(shown, now)
    if len(shown) < len(found):
        note(f"the newest {limit} are shown; --limit 0 shows all")
    return exits.OK


def _print(found: list[RunInfo], now: int) -> None:
    from durable.cli.render import is_terminal, print_table
    from durable.cli.words import ago, local_time

    def when(time: int) -> str:
        return ago(now - time) if is_terminal() else local_time(time)

    def row(info: RunInfo) -> tuple[str, ...]:
        times = when(info.created), when(info.updated)
        return info.run_id, info.workflow, info.shown_status, *times, f"{info.seq}", info.file or ""

    heads = ("run", "workflow", "status", "started", "last event", "events", "file")
    print_table(heads, [row(info) for info in found])


def _document(info: RunInfo) -> dict[str, Any]:
    from durable.cli.words import utc_time

    return {
        "run_id": info.run_id,
        "workflow": info.workflow,
        "status": info.shown_status,
        "driven": info.driven,
        "created": utc_time(info.created),
        "updated": utc_time(info.updated),
        "events": info.seq,
        "file": info.file,
        "input": info.input,
    }
