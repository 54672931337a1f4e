"""``durable run``: run a workflow, or go on with its interrupted run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from durable.cli.options import grace_option, json_option, quiet_option, store_option, verbose_option

if TYPE_CHECKING:
    from durable.cli.driving import Manner
    from durable.core.state import RunState
    from durable.definition.blueprint import Blueprint
    from durable.store import RunInfo, Store


@click.command(short_help="Run a workflow, or go on with its interrupted run.")
@click.argument("target", metavar="FILE[:WORKFLOW]")
@click.option("--run-id", metavar="ID", help="The run's id; a run of that id is gone on with. [default: one is made]")
@store_option
@click.option(
    "--input", "inputs", metavar="KEY=VALUE", multiple=True, help="First value of a channel key: JSON, or else text."
)
@click.option(
    "--input-file", metavar="JSON", type=click.File("rb"), help="JSON file with an object of first values; - is stdin."
)
@click.option("--start", metavar="TASK", help="Start from this task or group. [default: from every root]")
@click.option("--max-steps", type=click.IntRange(min=1), metavar="N", help="How many attempts the run may start.")
@click.option("--new", is_flag=True, help="Start another run even if one was interrupted.")
@grace_option
@json_option
@quiet_option
@verbose_option
def command(
    target: str,
    run_id: str | None,
    store: str | None,
    inputs: tuple[str, ...],
    input_file: Any,
    start: str | None,
    max_steps: int | None,
    new: bool,
    grace: float,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run the workflow in FILE until it has ended.

    If the newest run of the same workflow with the same input was interrupted, it is gone on with,
    and nothing that was recorded as finished is done again. What tasks print comes through; with --json
    it goes to stderr.

    \b
    durable run etl.py
    durable run etl.py:nightly --input day=2026-11-21 --input 'limit=100'
    durable run etl.py --run-id nightly-2026-11-21 --json
    """
    from durable.cli.driving import Manner
    from durable.cli.inputs import read_inputs
    from durable.cli.loading import parse_target
    from durable.cli.render import keep_stdout_for_json

    if new and run_id is not None:
        raise click.UsageError("--new makes a new id and --run-id names one: use one of them.")
    code = parse_target(target)
    asked = {"run_id": run_id, "start": start, "initial": read_inputs(inputs, input_file), "max_steps": max_steps}
    if as_json:
        keep_stdout_for_json()
    with ExitStack() as stack:
        return _run(code, store, new, asked, Manner(as_json, quiet, grace), stack)


def _run(
    code: tuple[str, str | None], url: str | None, new: bool, asked: dict[str, Any], manner: Manner, stack: ExitStack
) -> int:
    from durable.cli.driving import Stopped, driving, report_stop
    from durable.cli.ended import report_end
    from durable.cli.live import Watch
    from durable.cli.loading import load
    from durable.run import opened_store, start_run

    watch, store = Watch(), None
    try:
        with driving(watch, manner):
            workflow = load(*code)
            store, owned = opened_store(url or workflow.store)
            if owned:
                stack.enter_context(store)
            found = None if new else _found(store, workflow, asked)
            if found is not None:
                asked["run_id"] = found.run_id
            if not manner.silent:
                watch.began = partial(_announce, store, found)
            with _hinted():
                run = start_run(workflow, store=store, observers=(watch.observe,), grace=manner.grace, **asked)
    except Stopped as stop:
        return report_stop(watch, stop, manner, store)
    return report_end(run, watch.seconds if watch.state is not None else None, manner)


@contextmanager
def _hinted() -> Iterator[None]:
    from durable.errors import DivergenceError

    try:
        yield
    except DivergenceError as error:
        error.hint = f"{error.hint}; to begin anew: durable run --new"
        raise


def _found(store: Store, workflow: Blueprint, asked: dict[str, Any]) -> RunInfo | None:
    """The run of the id that was asked for, else the newest interrupted one of the same workflow, input and start."""
    from durable.engine.inputs import input_digest

    if asked["run_id"] is not None:
        return store.run(asked["run_id"])
    digest = input_digest(asked["initial"])
    for info in store.runs(workflow=workflow.name, status="interrupted"):
        if info.input == digest and store.event(info.run_id, 1).fields.get("start") == asked["start"]:
            return info
    return None


def _announce(store: Store, found: RunInfo | None, state: RunState) -> None:
    from durable.cli.ended import task_counts
    from durable.cli.render import coloured, say
    from durable.cli.words import ago, counted

    name = coloured(state.run_id, bold=True)
    if found is None:
        say(f"run {name} started")
    else:
        when = ago(store.clock.now() - found.updated)
        done = counted(task_counts(state).get("succeeded", 0), "task")
        say(f"continuing run {name}, interrupted {when} with {done} done; --new starts another")
