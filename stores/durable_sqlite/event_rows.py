"""Events as rows of the table ``events``, whose columns are the fields of ``Event``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import astuple

from durable.core.digest import chain
from durable.core.events import Event
from durable.core.transitions import RUN_STATUS_AFTER
from durable_sqlite.errors import wrong_append

Row = tuple[Any, ...]

PAYLOAD = 8
"""Where the payload is in a row."""


def encode_rows(
    run: int, run_id: str, events: Sequence[Event], before: bytes
) -> tuple[list[Row], bytes, Event | None, int]:
    """Return the rows of an append, and what the append has to know of them.

    Args:
        run: the run's key.
        run_id: the run, for errors.
        events: at least one.
        before: the digest of the append before.

    Returns:
        The rows; their digest, which the last row has too; the last event that changes the run's status; the
        longest payload's size.

    Raises:
        VersionConflict: they are not numbered one after another.
    """
    rows: list[Row] = []
    longest = 0
    seq = events[0].seq
    last = seq + len(events) - 1
    status_event = None
    digest = chain(before, events)
    for event in events:
        if event.seq != seq:
            raise wrong_append(run_id, events, events[0].seq - 1, events[0].seq - 1)
        if event.type in RUN_STATUS_AFTER:
            status_event = event
        if event.payload is not None and len(event.payload) > longest:
            longest = len(event.payload)
        row_digest = digest if seq == last else None
        if event.encoding == "json":
            *columns, payload = astuple(event)
            rows.append((run, *columns, _text(payload), row_digest))
        else:
            rows.append((run, *astuple(event), row_digest))
        seq += 1
    return rows, digest, status_event, longest


def _text(payload: bytes | None) -> str | bytes | None:
    """Return a JSON payload as text, which people can read and SQL can query."""
    try:
        return payload.decode() if payload is not None else None
    except UnicodeDecodeError:
        return payload
