"""Small ways to read a run's log in tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from durable import Run, Store, open_run


def trail(run: Run, *prefixes: str) -> list[str]:
    """What happened: ``Type task``, for types that begin so."""
    return [
        f"{event.type} {event.task_id}" if event.task_id else event.type
        for event in run.events()
        if not prefixes or event.type.startswith(prefixes)
    ]


def count(run: Run, type: str, task_id: str | None = None) -> int:
    """How often something happened."""
    return sum(event.type == type and task_id in (None, event.task_id) for event in run.events())


def fields(run: Run, type: str, task_id: str | None = None) -> dict[str, Any]:
    """The own fields of the last event of a type."""
    found = [event for event in run.events() if event.type == type and task_id in (None, event.task_id)]
    return found[-1].fields


def statuses(run: Run) -> dict[str, str]:
    """The status of every task and group, folded anew."""
    state = open_run(run.run_id, store=run.store).load_state()
    return {name: state.node_status(name) for name in state.index}


def appends(store: Store, run_id: str) -> Iterator[list[str]]:
    """The types of each append's events."""
    before = 0
    for seq, _ in store.digests(run_id):
        yield [f"{event.type} {event.task_id or ''}".strip() for event in store.read(run_id, before, seq)]
        before = seq
