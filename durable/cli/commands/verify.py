"""``durable verify``: whether the logs are whole; nothing is unpickled and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import json_option, store_option, verbose_option

if TYPE_CHECKING:
    from durable.cli.log_check import Finding
    from durable.store import Store

_MANY = 20


@click.command(short_help="Check that logs are whole.")
@click.argument("run_id", metavar="[RUN]", required=False)
@store_option
@json_option
@verbose_option
def command(run_id: str | None, store: str | None, as_json: bool) -> int:
    """Check the log of RUN, or of every run, and name what is damaged; the exit code is 1 if anything is.

    Checked are: no event is missing, the chain of digests holds, every event is allowed where it
    stands, every value can be unwrapped (not unpickled), and a checkpoint with the events after it leads
    to the same as all events.

    \b
    durable verify
    durable verify nightly-2026-11-21 --json
    """
    from durable.cli.render import note, print_json
    from durable.cli.stores import NothingYet, existing_store

    try:
        with existing_store(store) as opened:
            findings = _check(opened, run_id, as_json)
            about = _about(opened)
    except NothingYet as nothing:
        if run_id is not None:
            raise
        if not as_json:
            note(nothing.message)
        findings, about = [], {"store": None}
    damaged = sum(bool(finding.problem) for finding in findings)
    code = exit_codes.FAILED if damaged else exit_codes.OK
    if as_json:
        print_json(about | {"runs": findings, "damaged": damaged, "exit_code": code})
    elif about["store"] is not None:
        _print(findings, about)
    return code


def _check(store: Store, run_id: str | None, quiet: bool) -> list[Finding]:
    from durable.cli.log_check import check
    from durable.cli.render import note
    from durable.cli.formatting import counted as counted_words
    from durable.runs.start import open_run
    from durable.store import refuse_pruned

    if run_id is not None:
        infos = [open_run(run_id, store).info]
        refuse_pruned(infos[0])
    else:
        infos = list(store.runs())
    ids = [info.run_id for info in infos if info.pruned is None]
    if len(ids) < len(infos) and not quiet:
        note(f"{counted_words(len(infos) - len(ids), 'pruned run')} left out: there is nothing to check")
    with _counting(ids, quiet=quiet) as counted:
        return [check(store, name) for name in counted]


@contextmanager
def _counting(ids: Sequence[str], *, quiet: bool) -> Iterator[Iterator[str]]:
    """Give the ids back one by one, with a progress bar if they are many and stdout is a terminal."""
    from durable.cli.render import is_terminal

    if quiet or len(ids) < _MANY or not is_terminal():
        yield iter(ids)
        return
    from rich.progress import track

    yield iter(track(ids, description="verifying", transient=True))


def _about(store: Store) -> dict[str, Any]:
    """What the logs are kept in."""
    about: dict[str, Any] = {"store": store.url}
    if store.url.startswith("sqlite:"):
        import sqlite3

        about["sqlite"] = sqlite3.sqlite_version
    return about


def _print(findings: list[Finding], about: dict[str, Any]) -> None:
    from durable.cli.render import coloured, print_table, printable, say
    from durable.cli.formatting import counted

    damaged = [finding for finding in findings if finding.problem]
    say(f"store {about['store']}" + (f", SQLite {about['sqlite']}" if "sqlite" in about else ""))
    if len(findings) < _MANY:
        words = ["damaged" if finding.problem else "intact" for finding in findings]
        rows = [
            (item.run_id, word, f"{item.events}", f"{item.payloads}")
            for item, word in zip(findings, words, strict=True)
        ]
        print_table(("run", "state", "events", "payloads"), rows)
    for finding in damaged:
        where = f" at seq {finding.seq}" if finding.seq is not None else ""
        say(f"{coloured('damaged', 'red', bold=True)}: run {finding.run_id}{where}: {printable(finding.problem)}")
    events = sum(finding.events for finding in findings)
    verdict = f"{len(damaged):,} damaged" if damaged else "all intact"
    say(f"{counted(len(findings), 'run')}, {counted(events, 'event')}: {verdict}")
