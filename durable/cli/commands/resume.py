"""``durable resume``: resume one run, or everything that can be resumed."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import (
    actor_options,
    asking,
    file_option,
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
    from durable.runs.start import Run
    from durable.store import RunInfo, Store


@click.command(short_help="Resume a run, or all that can be resumed.")
@click.argument("run_id", metavar="[RUN]", required=False)
@file_option
@click.option("--policy", metavar="NAME_OR_JSON", help="Re-evaluate failed groups with this policy; needs RUN.")
@click.option("--accept-changes", is_flag=True, help="Resume although the code differs before the frontier; recorded.")
@actor_options
@store_option
@wait_option
@grace_option
@progress_option
@json_option
@quiet_option
@verbose_option
def command(
    run_id: str | None,
    target: str | None,
    policy: str | None,
    accept_changes: bool,
    actor: str | None,
    reason: str | None,
    store: str | None,
    wait: bool,
    grace: float,
    every: float,
    as_json: bool,
    quiet: bool,
) -> int:
    """Resume RUN where it stopped; a failed run is reopened, with fresh budgets.

    Without RUN, resume all interrupted runs, and the suspended ones whose answer or signal has come or whose
    timer is due; the oldest first, each with the file that it recorded. One that fails or is suspended
    again does not stop the others, and one that another process drives is left alone.

    \b
    durable resume nightly-2026-11-21
    durable resume nightly-2026-11-21 --policy best_effort --reason "two sources are down"
    durable resume nightly-2026-11-21 --policy '{"type": "at_least_n", "min_success": 2}'
    durable resume
    """
    from durable.cli.foreground import Manner
    from durable.cli.input_options import json_or_text
    from durable.cli.render import keep_stdout_for_json

    manner = Manner(as_json, quiet, grace, wait, every)
    options: dict[str, Any] = {"accept_changes": accept_changes, "actor": asking(actor), "reason": reason}
    if run_id is None and (target is not None or policy is not None):
        raise click.UsageError("--file and --policy are for one run: name it, durable resume RUN.")
    if as_json:
        keep_stdout_for_json()
    if run_id is None:
        return _resume_all(store, options, manner)
    options["policy"] = json_or_text(policy) if policy is not None else None
    return _resume_named(run_id, target, store, options, manner)


def _resume_named(run_id: str, target: str | None, url: str | None, options: dict[str, Any], manner: Manner) -> int:
    from durable.cli.loading import parse_target
    from durable.cli.stores import existing_store
    from durable.runs.start import open_run

    with existing_store(url) as store:
        run = open_run(run_id, store)
        info = run.info
        return _resume(run, parse_target(target) if target is not None else (info.file, info.workflow), options, manner)


def _resume(run: Run, code: tuple[str | None, str | None], options: dict[str, Any], manner: Manner) -> int:
    """Resume one run, print what became of it and return the exit code."""
    from durable.cli.foreground import Stopped, driving, report_stop
    from durable.cli.loading import load
    from durable.cli.run_report import report_end
    from durable.runs.progress import Watch

    info, watch = run.info, Watch(run.store)
    if info.status in ("succeeded", "cancelled"):
        return report_end(run, None, manner)
    if not manner.silent:
        watch.began = partial(_announce, run.store, info)
    file, name = code
    try:
        with driving(watch, manner):
            version = run.store.event(run.run_id, 1).fields.get("version")
            workflow = load(file, name, version) if file is not None else None
            run.resume(workflow, observers=(watch.observe,), grace=manner.grace, wait=manner.wait, **options)
    except Stopped as stop:
        return report_stop(watch, stop, manner, run.store)
    return report_end(run, watch.seconds if watch.state is not None else None, manner)


def _announce(store: Store, info: RunInfo, _state: RunState) -> None:
    from durable.cli.formatting import ago
    from durable.cli.render import coloured, say

    when = ago(store.clock.now() - info.updated)
    say(f"resuming run {coloured(info.run_id, bold=True)}, {info.shown_status} {when}")


def _resume_all(url: str | None, options: dict[str, Any], manner: Manner) -> int:
    import msgspec

    from durable.cli.render import note, print_json
    from durable.cli.stores import NothingYet, existing_store

    documents: list[dict[str, Any]] = []
    codes: list[int] = []
    try:
        with existing_store(url) as store:
            found = _ready(store, manner)
            codes = _resume_each(store, found, options, msgspec.structs.replace(manner, emit=documents.append))
    except NothingYet as nothing:
        if not manner.silent:
            note(nothing.message)
    if manner.as_json:
        print_json(documents)
    return _total(codes)


def _ready(store: Store, manner: Manner) -> list[RunInfo]:
    """Return the runs that can go on, the oldest first, and say what is left alone."""
    from durable.cli.formatting import counted
    from durable.cli.render import note

    now, asleep = store.clock.now(), 0
    found = [*store.runs(status="interrupted")][::-1]
    for info in [*store.runs(status="suspended")][::-1]:
        if info.driven or info.ready(now):
            found.append(info)
        else:
            asleep += 1
    found.sort(key=lambda info: info.created)
    if manner.silent:
        return found
    for info in store.runs(status="running"):
        note(f"run {info.run_id} is driven by another process and is left alone")
    if asleep:
        note(f"{counted(asleep, 'suspended run')} left alone: what they wait for has not come (durable waiting)")
    elif not found:
        note("nothing to resume: no run was interrupted")
    return found


def _resume_each(store: Store, found: list[RunInfo], options: dict[str, Any], manner: Manner) -> list[int]:
    """Resume runs one after the other; return their exit codes. A signal ends it."""
    from durable.cli.loading import own_modules
    from durable.runs.start import Run

    several = len({os.path.dirname(info.file or "") for info in found}) > 1
    codes: list[int] = []
    for info in found:
        with own_modules(info.file) if several else nullcontext():
            codes.append(_guarded(Run(store, info.run_id), info, options, manner))
        if codes[-1] in (exit_codes.SIGINT, exit_codes.SIGTERM):
            break
    return codes


def _guarded(run: Run, info: RunInfo, options: dict[str, Any], manner: Manner) -> int:
    """Resume one of several runs: its error is printed and stops no other."""
    from durable.cli.errors import ImportFailed, as_document, exit_code, report
    from durable.cli.render import note
    from durable.errors import DurableError, RunAlreadyDriven

    try:
        return _resume(run, (info.file, info.workflow), options, manner)
    except RunAlreadyDriven:
        if not manner.silent:
            note(f"run {info.run_id} is driven by another process and is left alone")
        return exit_codes.OK
    except (DurableError, ImportFailed) as error:
        if not manner.as_json:
            note(f"run {info.run_id} was not resumed")
            return report(error, as_json=False)
        code = exit_code(error)
        manner.emit({"run_id": info.run_id, "status": run.status, "error": as_document(error), "exit_code": code})
        return code


def _total(codes: list[int]) -> int:
    """One exit code for several runs: that of a signal, else of a failed run, else of the first other problem.

    That a run has continued and is suspended again is none.
    """
    for code in (exit_codes.SIGINT, exit_codes.SIGTERM, exit_codes.FAILED):
        if code in codes:
            return code
    return next((code for code in codes if code not in (exit_codes.OK, exit_codes.SUSPENDED)), exit_codes.OK)
