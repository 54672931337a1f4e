"""The catalogue of all events, read from their constructors: what each means, its fields, its payload.

For people and tools: the docs are generated from it. Nothing that drives a run needs it.
"""

from __future__ import annotations

from types import ModuleType

import msgspec

from durable.core import data_events, run_events, task_events
from durable.core.transitions import TABLES

_PAYLOAD, _FIELD = "payload: ", "field "


class EventKind(msgspec.Struct, frozen=True):
    """What the catalogue says of one type of event.

    Attributes:
        subject: whose status it moves: "run", "task" or "group"; "value" for data that moves none.
        meaning: one sentence for people.
        fields: the names that may stand in ``data``, with what they mean.
        payload: what the payload holds; empty when the type has none.
    """

    subject: str
    meaning: str
    fields: dict[str, str] = {}
    payload: str = ""


def _described(name: str, doc: str) -> EventKind:
    """Read what a constructor's docstring says: the sentence, then a line for each argument."""
    meaning, _, rest = doc.partition("\n")
    fields: dict[str, str] = {}
    payload = ""
    for line in rest.partition("Args:")[2].strip().splitlines():
        argument, _, said = line.strip().partition(": ")
        if said.startswith(_PAYLOAD):
            payload = said.removeprefix(_PAYLOAD)
        elif said.startswith(_FIELD):  # the field's name is no name in Python
            argument, _, said = said.removeprefix(_FIELD).partition(": ")
            fields[argument] = said
        else:
            fields[argument] = said
    moves = (subject for subject, table in TABLES.items() if any(name in out for out in table.values()))
    return EventKind(next(moves, "value"), meaning, fields, payload)


def _kinds(module: ModuleType) -> dict[str, EventKind]:
    found = {}
    for function, maker in vars(module).items():
        if getattr(maker, "__module__", None) == module.__name__ and not function.startswith("_"):
            name = "".join(part.capitalize() for part in function.split("_"))
            found[name] = _described(name, maker.__doc__ or "")
    return found


EVENTS: dict[str, EventKind] = {**_kinds(run_events), **_kinds(task_events), **_kinds(data_events)}
"""Every type of event."""
