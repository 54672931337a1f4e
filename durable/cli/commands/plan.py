"""``durable plan``: what a resume would do with each task, and why; nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import file_option, json_option, limit_option, run_argument, store_option, verbose_option

if TYPE_CHECKING:
    from durable.core.plan import Plan, PlanItem
    from durable.definition.blueprint import Blueprint

_ACTIONS = ("reuse", "run", "blocked", "orphaned")
_CHANGES = 20


@click.command(short_help="Say what a resume would do, and why.")
@run_argument
@file_option
@limit_option
@store_option
@json_option
@verbose_option
def command(run_id: str, target: str | None, limit: int, store: str | None, as_json: bool) -> int:
    """Say for each task of RUN whether a resume would reuse its record or run it, and why; nothing is run.

    Without --file nothing is imported: the recorded functions are compared with their source files.
    With --file the workflow is imported, and its wiring is compared too. The exit code is 0 when a resume
    would continue the run, 4 when the run has ended, 5 when the code diverges, 6 when another process drives the run, 7
    when the run is suspended and what it waits for has not come.

    \b
    durable plan nightly-2026-11-21
    durable plan nightly-2026-11-21 --file etl.py --json
    """
    from durable.cli.loading import load, parse_target
    from durable.cli.render import keep_stdout_for_json, print_json
    from durable.cli.stores import existing_store
    from durable.runs.start import open_run

    with existing_store(store) as opened:
        run = open_run(run_id, opened)
        workflow: Blueprint | None = None
        if target is not None:
            if as_json:
                keep_stdout_for_json()
            file, name = parse_target(target)
            workflow = load(file, name or run.info.workflow)
        plan = run.plan(workflow)
    if as_json:
        print_json(_document(plan) | {"exit_code": _code(plan)})
    else:
        _print(plan, limit, compared=target is not None)
    return _code(plan)


def _code(plan: Plan) -> int:
    if plan.status in ("succeeded", "cancelled"):
        return exit_codes.NOTHING
    if plan.driven:
        return exit_codes.DRIVEN
    if plan.waits and not plan.divergence:
        return exit_codes.SUSPENDED
    return exit_codes.DIVERGED if plan.divergence else exit_codes.OK


def _document(plan: Plan) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(plan)
    items = document.pop("items")
    counts = {action: plan.count(action) for action in _ACTIONS}
    return document | {"resumes": plan.resumes, "counts": counts, "seconds_saved": plan.seconds_saved, "items": items}


def _print(plan: Plan, limit: int, *, compared: bool) -> None:
    from durable.cli.formatting import lasted
    from durable.cli.render import note, print_table, say
    from durable.cli.table_limits import chosen

    say(f"run {plan.run_id} of {plan.workflow}: {plan.status}")
    for line in _headlines(plan):
        say(line)
    saved = f" (saves {lasted(plan.seconds_saved)})" if plan.seconds_saved else ""
    say(", ".join(f"{action} {plan.count(action):,}{saved if action == 'reuse' else ''}" for action in _ACTIONS))
    items = chosen(plan.items, limit, lambda item: item.action != "reuse", "--limit 0 shows all")
    if items:
        print_table(("id", "kind", "action", "saves", "why"), [_row(item) for item in items])
    if not compared and _code(plan) != exit_codes.NOTHING:
        note("only code was compared, not the wiring; --file FILE compares both")


def _row(item: PlanItem) -> tuple[str, ...]:
    from durable.cli.formatting import lasted

    saves = lasted(item.seconds) if item.seconds else ""
    return item.id, "group" if item.group else "task", item.action, saves, item.why


def _headlines(plan: Plan) -> list[str]:
    """What matters most: whether a resume would go on, and how the code differs."""
    from durable.cli.render import coloured

    lines = []
    code = _code(plan)
    if code == exit_codes.NOTHING:
        lines.append("nothing to do: the run has ended")
    if code == exit_codes.DRIVEN:
        lines.append(coloured("another process drives the run now: a resume would be refused", "yellow"))
    if code == exit_codes.SUSPENDED:
        lines.append(f"suspended, and nothing that it waits for has come: durable waiting {plan.run_id}")
    if plan.divergence:
        text = "the code diverges from what has run: a resume is refused without --accept-changes"
        lines.append(coloured(text, "red", bold=True))
        lines += _first(plan.divergence)
    if plan.reported:
        lines.append("changed since; a resume uses it:")
        lines += _first(plan.reported)
    return lines


def _first(changes: list[str]) -> list[str]:
    from durable.cli.render import printable

    more = [f"  and {len(changes) - _CHANGES:,} more; --json shows all"] if len(changes) > _CHANGES else []
    return [f"  - {printable(line)}" for line in changes[:_CHANGES]] + more
