"""``durable prune``: delete what runs that have ended recorded, and keep their summaries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import json_option, store_option, verbose_option

if TYPE_CHECKING:
    from durable.runs.pruning import PrunedRun, Pruning

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SHOWN = 50


def _age(_ctx: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    found = _AGE.fullmatch(value.strip()) if value is not None else None
    if value is not None and found is None:
        raise click.BadParameter(f"{value!r} is no age. Write a number with s, m, h, d or w: 30d, 12h.")
    return float(found[1]) * _SECONDS[found[2]] if found is not None else None


@click.command(short_help="Delete old runs' events, keep their summaries.")
@click.argument("run_ids", metavar="[RUN]...", nargs=-1)
@click.option("--older-than", metavar="AGE", callback=_age, help="Runs that ended longer ago: 90s, 12h, 30d, 2w.")
@click.option("--status", type=click.Choice(("succeeded", "failed", "cancelled")), help="Runs with this final status.")
@click.option("--workflow", metavar="NAME", help="Runs of this workflow.")
@click.option("--keep-last", type=click.IntRange(min=0), metavar="N", help="Keep the newest N of each workflow.")
@click.option("-n", "--dry-run", is_flag=True, help="Change nothing; only say what would be pruned.")
@store_option
@json_option
@verbose_option
def command(
    run_ids: tuple[str, ...],
    older_than: float | None,
    status: str | None,
    workflow: str | None,
    keep_last: int | None,
    dry_run: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Delete the events, values and checkpoints of runs that have ended, for good, and give the space back.

    The runs stay listed with their status, times, number of tasks and the space that was freed. Name runs,
    or choose them; options are combined. A run that is driven, interrupted or suspended is never chosen.
    Other processes may continue their runs meanwhile.

    \b
    durable prune --older-than 30d --dry-run
    durable prune --older-than 30d --keep-last 5
    durable prune --status succeeded --workflow nightly --keep-last 100
    durable prune nightly-2026-11-21
    """
    from durable.cli.render import note, print_json
    from durable.cli.stores import NothingYet, existing_store
    from durable.runs.pruning import Pruning, prune

    if not run_ids and all(choice is None for choice in (older_than, status, workflow, keep_last)):
        raise click.UsageError("Say which runs: name them, or use --older-than, --status, --workflow or --keep-last.")
    try:
        with existing_store(store) as opened:
            done = prune(
                *run_ids, older_than=older_than, status=status, workflow=workflow, keep_last=keep_last,
                dry_run=dry_run, store=opened,
            )  # fmt: skip
    except NothingYet as nothing:
        done = Pruning([], 0, dry_run)
        if not as_json:
            note(nothing.message)
    if as_json:
        print_json(_document(done) | {"exit_code": exit_codes.OK})
    else:
        _print(done)
    return exit_codes.OK


def _print(done: Pruning) -> None:
    from durable.cli.formatting import counted, local_time, sized
    from durable.cli.render import note, print_table, say

    if not done.runs:
        note("no run is chosen; nothing was pruned" if done.dry_run or not done.returned else "no run is chosen")
    else:
        rows = [
            (run.run_id, run.workflow, run.status, local_time(run.ended), f"{run.events:,}", sized(run.freed))
            for run in done.runs[:_SHOWN]
        ]
        print_table(("run", "workflow", "status", "ended", "events", "frees" if done.dry_run else "freed"), rows)
        if len(done.runs) > _SHOWN:
            note(f"{_SHOWN} of {len(done.runs):,} are shown; --json shows all")
        verb = "would be pruned" if done.dry_run else "pruned"
        say(f"{counted(len(done.runs), 'run')} {verb}: {sized(done.freed)} that only they use")
    if done.returned:
        say(f"the file system got {sized(done.returned)} back")
    elif done.runs and not done.dry_run:
        note("no space was given back now: new events use it first")


def _document(done: Pruning) -> dict[str, Any]:
    return {
        "dry_run": done.dry_run,
        "runs": [_run(run) for run in done.runs],
        "freed": done.freed,
        "returned": done.returned,
    }


def _run(run: PrunedRun) -> dict[str, Any]:
    from durable.cli.formatting import utc_time

    return {
        "run_id": run.run_id,
        "workflow": run.workflow,
        "status": run.status,
        "created": utc_time(run.created),
        "ended": utc_time(run.ended),
        "events": run.events,
        "tasks": run.tasks,
        "freed": run.freed,
        "pruned": utc_time(run.pruned) if run.pruned is not None else None,
    }
