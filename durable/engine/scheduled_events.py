"""Recording what an attempt or a policy has scheduled, and the members of maps, window by window."""

from __future__ import annotations

from durable.core.data_events import members_added, tasks_scheduled
from durable.core.specs import Fragment, Window
from durable.definition.fragments import encode_fragment, split
from durable.engine.journal import Journal
from durable.values.payloads import Payload


def emit_window(journal: Journal, name: str, window: Window, *, cut: bool = False) -> None:
    """Record members of a map.

    Args:
        journal: of the run.
        name: the map's id.
        window: the items that they are made of.
        cut: whether it is the last one although there may be more items.
    """
    added = members_added(
        Payload(*window.items) if window.items is not None else None,
        count=window.count,
        keys=window.keys,
        digest=window.digest,
        last=window.last,
        expected=window.expected,
        cut=cut,
        sources=window.sources,
    )
    journal.emit(added, name)


def close_map(journal: Journal, group: int) -> None:
    """Let a map have no more members: its time is over, until a resume gives it more."""
    state = journal.state
    if not state.graph.expansions.by_group[group].complete:
        emit_window(journal, state.graph.ids[group], Window(0, last=True), cut=True)


def emit_fragment(journal: Journal, name: str, number: int, fragment: Fragment) -> None:
    """Record what an attempt or a policy has scheduled, with the members of its maps.

    Args:
        journal: of the run.
        name: the scheduler; number: its attempt.
        fragment: what it scheduled.
    """
    fragment, found = split(fragment)
    journal.emit(tasks_scheduled(encode_fragment(fragment), count=len(fragment.tasks)), name, number)
    for group, several in found.items():
        for window in several:
            emit_window(journal, group, window)
