"""``durable signal``: send a signal to a run; it drives nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from durable.cli import exit_codes
from durable.cli.options import asking, json_option, run_argument, store_option, verbose_option

if TYPE_CHECKING:
    from durable.runs.start import Run


@click.command(short_help="Send a signal to a run.")
@run_argument
@click.argument("name", metavar="NAME")
@click.option("--value", metavar="JSON", help="What the signal carries. [default: nothing]")
@click.option("--id", "signal_id", metavar="ID", help="A second signal with the same id is ignored. [default: random]")
@click.option(
    "--by", "--actor", "by", metavar="NAME", help="Who sends it; recorded in the log. [default: your login name]"
)
@store_option
@json_option
@verbose_option
def command(
    run_id: str,
    name: str,
    value: str | None,
    signal_id: str | None,
    by: str | None,
    store: str | None,
    as_json: bool,
) -> int:
    """Send the signal NAME to RUN: to the task that has waited longest for it, else to the next one that will.

    It is kept until the run continues; nothing runs because of it. To a run that has succeeded or was cancelled
    nothing is sent, with exit code 4.

    \b
    durable signal nightly-2026-11-21 files-arrived
    durable signal nightly-2026-11-21 paid --value '{"amount": 12}' --id payment-4711
    """
    from secrets import token_hex

    from durable.cli.commands.answer import parsed
    from durable.cli.stores import existing_store
    from durable.runs.start import open_run

    if not name or signal_id == "":
        raise click.UsageError("NAME and --id must not be empty.")
    content = parsed(value, "--value") if value is not None else None
    with existing_store(store) as opened:
        run = open_run(run_id, opened)
        if run.info.status in ("succeeded", "cancelled"):
            return _report(run, None, False, as_json)
        signal_id = signal_id or token_hex(8)
        return _report(run, signal_id, run.signal(name, content, id=signal_id, actor=asking(by)), as_json)


def _report(run: Run, signal_id: str | None, sent: bool, as_json: bool) -> int:
    """Print what was done; without an id the run has ended."""
    from durable.cli.render import note, print_json, say

    info = run.info
    over = info.status in ("succeeded", "cancelled")
    command = None if over or info.driven else run.resume_command()
    code = exit_codes.OK if signal_id is not None else exit_codes.NOTHING
    if as_json:
        document = {"run_id": run.run_id, "id": signal_id, "sent": sent, "driven": info.driven, "resume": command}
        print_json(document | {"exit_code": code})
    elif signal_id is None:
        say(f"run {run.run_id} has already ended: {info.status}")
    else:
        say(f"signal {signal_id} was sent" if sent else f"a signal {signal_id} was sent before; nothing was done")
        if info.driven:
            note(f"run {run.run_id} is driven now and continues by itself")
        elif command is not None:
            note(f"resume with: {command}")
    return code
