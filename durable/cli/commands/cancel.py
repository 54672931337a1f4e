"""``durable cancel``: cancel a run for good."""

from __future__ import annotations

import click

from durable.cli import exit_codes
from durable.cli.options import actor_options, asking, json_option, run_argument, store_option, verbose_option


@click.command(short_help="Cancel a run for good.")
@run_argument
@actor_options
@store_option
@json_option
@verbose_option
def command(run_id: str, actor: str | None, reason: str | None, store: str | None, as_json: bool) -> int:
    """Cancel RUN: at once when no process drives it, else its driver is told and stops at its next check.

    A cancelled run stays cancelled. A run that has ended is left as it is, with exit code 4.

    \b
    durable cancel nightly-2026-11-21 --reason "wrong day"
    """
    from durable.cli.render import print_json, say
    from durable.cli.stores import existing_store
    from durable.runs.start import open_run

    with existing_store(store) as opened:
        run = open_run(run_id, opened)
        done = run.cancel(reason, asking(actor))
        status = run.status
    code = exit_codes.OK if done or status == "cancelled" else exit_codes.NOTHING
    if as_json:
        print_json({"run_id": run_id, "status": status, "asked": done, "exit_code": code})
    elif not done:
        say(f"run {run_id} has already ended: {status}")
    elif status == "cancelled":
        say(f"run {run_id} was cancelled")
    else:
        say(f"run {run_id} is driven now; its driver was told to cancel it")
    return code
