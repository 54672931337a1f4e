"""``durable waiting``: what runs wait for, with the questions to people; no user code is imported."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import json_option, store_option, verbose_option

if TYPE_CHECKING:
    from durable.human.open_questions import OpenRequest, Waiting


@click.command(short_help="List what runs wait for.")
@click.argument("run_id", metavar="[RUN]", required=False)
@store_option
@json_option
@verbose_option
def command(run_id: str | None, store: str | None, as_json: bool) -> int:
    """List what RUN, or every run that has not ended, waits for: answers to questions, signals, and sleeps.

    \b
    durable waiting
    durable waiting nightly-2026-11-21 --json
    """
    from durable.cli.render import note, print_json
    from durable.cli.stores import NothingYet, existing_store
    from durable.human.open_questions import waiting

    try:
        with existing_store(store) as opened:
            found = waiting(opened, run_id)
    except NothingYet as nothing:
        if run_id is not None:
            raise
        found = []
        if not as_json:
            note(nothing.message)
    if as_json:
        print_json([_document(item) for item in found])
    elif found:
        _print(found)
    else:
        note("nothing waits" if run_id is None else f"run {run_id} waits for nothing")
    return exit_codes.OK


def _print(found: list[Waiting]) -> None:
    from durable.cli.render import note, print_table

    heads = ("run", "task", "waits for", "name", "since", "until", "question")
    print_table(heads, [_row(item) for item in found])
    asked = [item for item in found if item.question is not None and not item.question.answered]
    if asked:
        note("answer with: durable answer RUN NAME")


def _row(item: Waiting) -> tuple[str, ...]:
    question = item.question
    kind = "an answer" if question is not None else f"a {item.kind}"
    said = about(question) if question is not None else ""
    return item.run_id, item.task_id, kind, item.name, _local(item.since), _local(item.due), said


def about(question: OpenRequest) -> str:
    """Return a question on one line: what has become of it, its type, its text and what can be chosen."""
    request = question.request
    state = "answered; " if question.answered else "expired; " if question.expired else ""
    text = ": ".join(part for part in (request.title, request.message) if part)
    options = ", ".join(f"{number} {option}" for number, option in enumerate(request.options, 1))
    return f"{state}{request.type.value}: {text}" + (f" ({options})" if options else "")


def _local(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone().replace(tzinfo=None).isoformat(" ", "seconds")


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _document(item: Waiting) -> dict[str, Any]:
    document: dict[str, Any] = {
        "run_id": item.run_id,
        "task_id": item.task_id,
        "kind": item.kind,
        "name": item.name,
        "since": _utc(item.since),
        "due": _utc(item.due),
    }
    return document if item.question is None else document | _question(item.question)


def _question(question: OpenRequest) -> dict[str, Any]:
    request = question.request
    return {
        "request_id": question.request_id,
        "type": request.type.value,
        "message": request.message,
        "title": request.title,
        "options": request.options,
        "form_schema": request.form_schema,
        "asked": _utc(question.asked_at),
        "expires": _utc(question.expires_at),
        "answered": question.answered,
        "expired": question.expired,
    }
