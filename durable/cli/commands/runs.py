"""``durable runs``: list runs, newest first, without loading an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import json_option, store_option, verbose_option

if TYPE_CHECKING:
    from durable.core.sizes import Sizes
    from durable.store import RunInfo

STATUSES = ("running", "interrupted", "suspended", "succeeded", "failed", "cancelled")


@click.command(short_help="List runs, newest first.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs of this status.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0 for all.")
@click.option("--sizes", is_flag=True, help="Measure what each run takes; reads their logs.")
@store_option
@json_option
@verbose_option
def command(status: str | None, workflow: str | None, limit: int, sizes: bool, store: str | None, as_json: bool) -> int:
    """List runs, newest first. A run that has not ended and that no process drives is interrupted.

    \b
    durable runs
    durable runs --status failed --workflow nightly
    durable runs --sizes
    durable runs --json --limit 0
    """
    from durable.cli.render import note, print_json
    from durable.cli.stores import NothingYet, existing_store

    try:
        with existing_store(store) as opened:
            found = list(opened.runs(status=status, workflow=workflow, limit=limit + 1 if limit else None))
            shown = found[:limit] if limit else found
            measured = [opened.sizes(info.run_id) for info in shown] if sizes else None
            now = opened.clock.now()
    except NothingYet as nothing:
        found, shown, measured, now = [], [], None, 0
        if not as_json:
            note(nothing.message)
    if as_json:
        print_json(_documents(shown, measured))
    elif shown:
        _print(shown, measured, now)
    if len(shown) < len(found):
        note(f"the newest {limit} are shown; --limit 0 shows all")
    return exit_codes.OK


def _print(found: list[RunInfo], measured: list[Sizes] | None, now: int) -> None:
    from durable.cli.formatting import ago, local_time, sized
    from durable.cli.render import is_terminal, print_table

    def when(time: int) -> str:
        return ago(now - time) if is_terminal() else local_time(time)

    def row(info: RunInfo) -> list[str]:
        status = info.shown_status if info.pruned is None else f"{info.status}, pruned"
        return [info.run_id, info.workflow, status, when(info.created), when(info.updated), f"{info.seq}"]

    heads = ["run", "workflow", "status", "started", "last event", "events"]
    rows = [row(info) for info in found]
    if measured is not None:
        heads.append("size")
        for cells, sizes in zip(rows, measured, strict=True):
            cells.append(sized(sizes.total))
    for cells, info in zip(rows, found, strict=True):
        cells.append(info.file or "")
    print_table([*heads, "file"], rows)


def _documents(found: list[RunInfo], measured: list[Sizes] | None) -> list[dict[str, Any]]:
    from durable.cli.sizes import space_document

    documents = [_document(info) for info in found]
    for document, sizes in zip(documents, measured or (), strict=False):
        document["space"] = space_document(sizes)
    return documents


def _document(info: RunInfo) -> dict[str, Any]:
    from durable.cli.formatting import utc_time

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
        "pruned": utc_time(info.pruned.time) if info.pruned is not None else None,
    }
