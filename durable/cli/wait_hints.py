"""What a suspended run waits for, and the commands that bring it. It must not print."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from durable.cli.render import printable
from durable.cli.commands.waiting import about
from durable.cli.formatting import counted, local_time, utc_time
from durable.core.events import EPOCH
from durable.human.open_questions import waits

if TYPE_CHECKING:
    from durable.core.state import RunState
    from durable.human.open_questions import Waiting
    from durable.runs.start import Run

SHOWN = 10
"""Waits that are shown of a run that has more."""


def lines_of_waits(run: Run, state: RunState) -> list[str]:
    """Return what a run waits for, one line each, with the command that brings it."""
    found = list(waits(state, run.store))
    lines = [_line(run, item) for item in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"and {counted(len(found) - SHOWN, 'more wait')}: durable waiting {_words(run)}")
    return lines or [printable(said) for said in run.store.event(run.run_id, state.seq).fields.get("waiting", ())]


def waits_as_documents(run: Run, state: RunState) -> list[dict[str, Any]]:
    """Return what a run waits for, as JSON has it."""
    return [
        {
            "task_id": item.task_id,
            "kind": item.kind,
            "name": item.name,
            "due": utc_time(due) if (due := _due(item)) is not None else None,
            "command": _command(run, item),
        }
        for item in waits(state, run.store)
    ]


def _line(run: Run, item: Waiting) -> str:
    due, command = _due(item), _command(run, item)
    until = f" until {local_time(due)}" if due is not None else ""
    if item.question is not None:
        said = f"an answer to {item.name}, {about(item.question)}"
    else:
        said = f"signal {item.name}" if item.kind == "signal" else f"its {item.kind}"
    bring = f" -> {command}" if command is not None else ""
    return printable(f"{item.task_id} waits for {said}{until}{bring}")


def _due(item: Waiting) -> int | None:
    return None if item.due is None else int((item.due - EPOCH).total_seconds() * 1e6)


def _command(run: Run, item: Waiting) -> str | None:
    """The command that brings what is waited for; None if nobody can, or somebody has."""
    if item.question is not None:
        return None if item.question.answered or item.question.expired else f"durable answer {_words(run, item.name)}"
    return f"durable signal {_words(run, item.name)}" if item.kind == "signal" else None


def _words(run: Run, *names: str) -> str:
    """The run's id and other words for a shell, with the store if it has to be named."""
    own = shlex.quote(run.run_id)
    store = run.resume_command().removeprefix(f"durable resume {own}")
    return " ".join([own, *map(shlex.quote, names)]) + (store if store.startswith(" --store") else "")
