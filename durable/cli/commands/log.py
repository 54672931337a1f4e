"""``durable log``: the events of a run, one line each; payloads are previewed and never unpickled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import run_argument, store_option, verbose_option

if TYPE_CHECKING:
    from durable.core.events import Event
    from durable.store import Store

POLL_SECONDS = 0.25

_COLOURS = {"Failed": "red", "TimedOut": "red", "Interrupted": "yellow", "Succeeded": "green"}
_VALUES = frozenset({"TaskSucceeded", "ChannelWritten", "MetadataWritten"})


def _known(_ctx: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from difflib import get_close_matches

    from durable.core.catalogue import EVENTS

    for value in values:
        if value not in EVENTS:
            close = get_close_matches(value, EVENTS, 3, 0.4)
            raise click.BadParameter(f"no event has the type {value!r}. Close to it: {', '.join(close) or 'none'}.")
    return values


@click.command(short_help="Print the events of a run.")
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Print new events as they come, until the run has ended or Ctrl-C.")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="SEQ", help="Only events after this number.")
@click.option(
    "--type", "types", metavar="TYPE", multiple=True, callback=_known, help="Only events of this type; repeatable."
)
@click.option("--task", "tasks", metavar="ID", multiple=True, help="Only events of this task or group; repeatable.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@verbose_option
def command(
    run_id: str,
    follow: bool,
    after: int,
    types: tuple[str, ...],
    tasks: tuple[str, ...],
    store: str | None,
    as_json: bool,
) -> int:
    """Print the events of RUN: number, local time, type, task, attempt, fields, and "=> preview" of a value.

    With --json, times are in UTC. A type may be any of docs/reference/events.md.

    \b
    durable log nightly-2026-11-21
    durable log nightly-2026-11-21 --follow --after 120
    durable log nightly-2026-11-21 --type TaskFailed --type TaskTimedOut --json
    """
    from durable.cli.render import print_json, say
    from durable.cli.stores import existing_store

    with existing_store(store) as opened:
        for event in _events(opened, run_id, after, follow):
            if (types and event.type not in types) or (tasks and event.task_id not in tasks):
                continue
            if as_json:
                print_json(_document(event), lines=True)
            else:
                say(_line(event))
    return exit_codes.OK


def _events(store: Store, run_id: str, after: int, follow: bool) -> Iterator[Event]:
    from durable.cli.render import note
    from durable.runs.start import open_run

    run = open_run(run_id, store)
    told = False
    while True:
        info = run.info  # before reading: what it says to have ended is read to its end
        for event in store.read(run_id, after):
            after = event.seq
            yield event
        if not follow or info.status not in ("running", "interrupted", "suspended"):
            return
        if info.shown_status == "interrupted" and not told:
            note("the run is interrupted; waiting for somebody to resume it")
        told = info.shown_status == "interrupted"
        time.sleep(POLL_SECONDS)


def _preview(event: Event, fields: dict[str, Any]) -> str | None:
    from durable.values.payloads import preview_of

    recorded = fields.pop("preview", None)
    if event.payload is None and event.type != "TaskSucceeded":
        return None
    return preview_of(event.encoding, event.payload, recorded)


def _line(event: Event) -> str:
    from durable.cli.formatting import local_time
    from durable.cli.render import coloured, printable

    fields = event.fields
    preview = _preview(event, fields)
    said = [_members(event, fields)] if event.type == "MembersAdded" else []
    said += [f"{name}={_text(value)}" for name, value in fields.items()]
    if preview is not None and event.type in _VALUES:
        said.append(f"=> {preview}")
    colour = next((colour for end, colour in _COLOURS.items() if event.type.endswith(end)), None)
    attempt = f"#{event.attempt}" if event.attempt else ""
    head = f"{event.seq:>6}  {local_time(event.time, 'milliseconds')}  {coloured(f'{event.type:<19}', colour)}"
    return f"{head}  {printable(event.task_id or '-'):<20} {attempt:<4} {printable(' '.join(said))}".rstrip()


def _members(event: Event, fields: dict[str, Any]) -> str:
    """Return what a window of items brought, and take it out of the fields: a thousand keys are no line."""
    from durable.cli.formatting import counted, sized

    keys, sources = fields.pop("keys", None), fields.pop("sources", None)
    said = [counted(fields.pop("count", 0), "member")]
    said += [f"keys {keys[0]}…{keys[-1]}" if len(keys) > 1 else f"key {keys[0]}"] if keys else []
    said += ["items that other members returned"] if sources else []
    said += [sized(len(event.payload))] if event.payload is not None else []
    said += ["the last"] if fields.pop("last", False) else []
    fields.pop("digest", None)
    return ", ".join(said)


def _text(value: Any) -> str:
    import msgspec

    return value if isinstance(value, str) and " " not in value else msgspec.json.encode(value).decode()


def _document(event: Event) -> dict[str, Any]:
    from durable.cli.formatting import utc_time

    fields = event.fields
    preview = _preview(event, fields)
    return {
        "seq": event.seq,
        "time": utc_time(event.time),
        "type": event.type,
        "task": event.task_id,
        "attempt": event.attempt,
        "fields": fields,
        "encoding": event.encoding,
        "preview": preview,
    }
