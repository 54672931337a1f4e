"""``durable run``: run a workflow, or resume its interrupted run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from heapq import merge
from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import (
    grace_option,
    json_option,
    progress_option,
    quiet_option,
    store_option,
    verbose_option,
    wait_option,
)

if TYPE_CHECKING:
    from durable.cli.foreground import Manner
    from durable.core.state import RunState
    from durable.definition.blueprint import Blueprint
    from durable.runs.progress import Watch
    from durable.runs.start import Run
    from durable.store import RunInfo, Store


@click.command(short_help="Run a workflow, or resume its interrupted run.")
@click.argument("target", metavar="FILE[:WORKFLOW]")
@click.option("--run-id", metavar="ID", help="The run's id; resumed if it was interrupted. [default: one is made]")
@store_option
@click.option(
    "--input", "inputs", metavar="KEY=VALUE", multiple=True, help="First value of a channel key: JSON, or else text."
)
@click.option(
    "--input-file", metavar="JSON", type=click.File("rb"), help="JSON file with an object of first values; - is stdin."
)
@click.option("--start", metavar="TASK", help="Start from this task or group. [default: from every root]")
@click.option("--max-steps", type=click.IntRange(min=1), metavar="N", help="How many attempts the run may start.")
@click.option("--new", is_flag=True, help="Start another run even if one was interrupted or is suspended.")
@wait_option
@grace_option
@progress_option
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
    wait: bool,
    grace: float,
    every: float,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run the workflow in FILE until it has ended, or until it has to wait for people, signals or timers.

    If the newest run of the same workflow with the same input was interrupted or is suspended, it is
    resumed, and nothing that was recorded as finished is done again. What tasks print is shown; with --json
    it goes to stderr.

    \b
    durable run etl.py
    durable run etl.py:nightly --input day=2026-11-21 --input 'limit=100'
    durable run etl.py --run-id nightly-2026-11-21 --json
    """
    from durable.cli.foreground import Manner
    from durable.cli.input_options import read_inputs
    from durable.cli.loading import parse_target
    from durable.cli.render import keep_stdout_for_json

    if new and run_id is not None:
        raise click.UsageError("--new makes a new id and --run-id names one: use one of them.")
    code = parse_target(target)
    asked = {"run_id": run_id, "start": start, "initial": read_inputs(inputs, input_file), "max_steps": max_steps}
    if as_json:
        keep_stdout_for_json()
    with ExitStack() as stack:
        return _run(code, store, new, asked, Manner(as_json, quiet, grace, wait, every), stack)


def _run(
    code: tuple[str, str | None], url: str | None, new: bool, asked: dict[str, Any], manner: Manner, stack: ExitStack
) -> int:
    from durable.cli.foreground import Stopped, driving, report_stop
    from durable.cli.loading import load
    from durable.runs.progress import Watch
    from durable.store import opened_store

    watch, store, named = Watch(), None, asked["run_id"] is not None
    try:
        with driving(watch, manner):
            workflow = load(*code)
            store, owned = opened_store(url or workflow.store)
            if owned:
                stack.enter_context(store)
            watch.store = store
            run = _start(workflow, store, None if new else _found(store, workflow, asked), asked, watch, manner)
    except Stopped as stop:
        return report_stop(watch, stop, manner, store)
    return _report(run, watch, named, manner)


def _start(
    workflow: Blueprint, store: Store, found: RunInfo | None, asked: dict[str, Any], watch: Watch, manner: Manner
) -> Run:
    """Begin a run, or resume the one that was found."""
    from durable.runs.start import start_run

    if found is not None:
        asked["run_id"] = found.run_id
    if not manner.silent:
        watch.began = partial(_announce, store, found)
    asked |= {"observers": (watch.observe,), "grace": manner.grace, "wait": manner.wait}
    with _hinted():
        return start_run(workflow, store=store, **asked)


def _report(run: Run, watch: Watch, named: bool, manner: Manner) -> int:
    from durable.cli.render import note
    from durable.cli.run_report import report_end

    said = report_end(run, watch.seconds if watch.state is not None else None, manner)
    if said == exit_codes.SUSPENDED and watch.state is None and not named and not manner.silent:
        note("--new starts another run")
    return said


@contextmanager
def _hinted() -> Iterator[None]:
    from durable.errors import DivergenceError

    try:
        yield
    except DivergenceError as error:
        error.hint = f"{error.hint}; to start over: durable run --new"
        raise


def _found(store: Store, workflow: Blueprint, asked: dict[str, Any]) -> RunInfo | None:
    """The run of the id that was asked for, else the newest of the same workflow, input and start that stopped."""
    from durable.engine.run_input import input_digest

    if asked["run_id"] is not None:
        return store.run(asked["run_id"])
    digest = input_digest(asked["initial"])
    stopped = (store.runs(workflow=workflow.name, status=status) for status in ("interrupted", "suspended"))
    for info in merge(*stopped, key=lambda info: -info.created):
        if info.input == digest and store.event(info.run_id, 1).fields.get("start") == asked["start"]:
            return info
    return None


def _announce(store: Store, found: RunInfo | None, state: RunState) -> None:
    from durable.cli.formatting import ago, counted
    from durable.cli.render import coloured, say
    from durable.cli.run_report import task_counts

    name = coloured(state.run_id, bold=True)
    if found is None:
        say(f"run {name} started")
    else:
        when = ago(store.clock.now() - found.updated)
        done = counted(task_counts(state).get("succeeded", 0), "task")
        say(f"continuing run {name}, {found.shown_status} {when} with {done} done; --new starts another")
