"""``durable fork``: make a new run that shares another one's past; it drives nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from durable.cli import exit_codes
from durable.cli.options import actor_options, asking, json_option, store_option, verbose_option

if TYPE_CHECKING:
    from durable.store import Store


@click.command(short_help="Make a new run that shares another one's past.")
@click.argument("ref", metavar="RUN[@SEQ]")
@click.option(
    "--from", "tasks", metavar="TASK", multiple=True, help="Run this task again, and all that follows it; repeatable."
)
@click.option("--id", "new_id", metavar="NEW", help="The new run's id. [default: one is made]")
@actor_options
@store_option
@json_option
@verbose_option
def command(
    ref: str,
    tasks: tuple[str, ...],
    new_id: str | None,
    actor: str | None,
    reason: str | None,
    store: str | None,
    as_json: bool,
) -> int:
    """Make a new run with the past of RUN, up to event SEQ if one is given; RUN itself is never touched.

    Nothing runs because of it: the new run is interrupted until it is resumed. SEQ is rounded down to the
    end of a commit. What failed is tried again, and the fork of a cancelled run can be resumed.

    \b
    durable fork nightly-2026-11-21 --from report --reason "the report was wrong"
    durable fork nightly-2026-11-21@40 --id try-again
    """
    from durable.cli.stores import existing_store
    from durable.runs.forks import fork_run, split_ref

    with existing_store(store) as opened:
        info, seq = split_ref(opened, ref)
        name = fork_run(
            opened, info.run_id, seq, from_tasks=tasks, new_run_id=new_id, actor=asking(actor), reason=reason
        )
        _report(opened, name, seq, as_json)
    return exit_codes.OK


def _report(store: Store, name: str, seq: int | None, as_json: bool) -> None:
    from durable.cli.render import note, print_json, say
    from durable.runs.forks import origin
    from durable.runs.start import Run

    came, resume = origin(store, name), Run(store, name).resume_command()
    assert came is not None
    if as_json:
        document = {"run_id": name, "forked": came.run_id, "seq": came.seq, "from": came.tasks, "resume": resume}
        print_json(document | {"exit_code": exit_codes.OK})
        return
    rounded = f" (event {seq} is inside a commit)" if seq not in (None, came.seq) else ""
    note(f"forked from {came}{rounded}")
    say(name)
    note(f"resume with: {resume}")
