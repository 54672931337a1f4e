"""``durable terminate``: end a run early, with success."""

from __future__ import annotations

import click

from durable.cli import exit_codes
from durable.cli.options import asking, json_option, run_argument, store_option, verbose_option


@click.command(short_help="End a run early, with success.")
@run_argument
@click.option("--result", metavar="JSON", help="The run's result. [default: none]")
@click.option(
    "--by", "--actor", "by", metavar="NAME", help="Who ends it; recorded in the log. [default: your login name]"
)
@click.option("--reason", metavar="TEXT", help="Why; recorded in the log.")
@store_option
@json_option
@verbose_option
def command(
    run_id: str, result: str | None, by: str | None, reason: str | None, store: str | None, as_json: bool
) -> int:
    """End RUN with success and a result: at once when no process drives it, else at its driver's next check.

    What runs is cancelled, what has not started is skipped. A run that has ended is left as it is, with
    exit code 4.

    \b
    durable terminate nightly-2026-11-21 --reason "no files today"
    durable terminate nightly-2026-11-21 --result '{"rows": 0}'
    """
    from durable.cli.commands.answer import parsed
    from durable.cli.render import print_json, say
    from durable.cli.stores import existing_store
    from durable.runs.start import open_run

    value = parsed(result, "--result") if result is not None else None
    with existing_store(store) as opened:
        run = open_run(run_id, opened)
        done = run.terminate(value, reason, asking(by))
        status = run.status
    code = exit_codes.OK if done else exit_codes.NOTHING
    if as_json:
        print_json({"run_id": run_id, "status": status, "asked": done, "exit_code": code})
    elif not done:
        say(f"run {run_id} has already ended: {status}")
    elif status == "succeeded":
        say(f"run {run_id} was ended with success")
    else:
        say(f"run {run_id} is driven now; its driver was told to end it")
    return code
