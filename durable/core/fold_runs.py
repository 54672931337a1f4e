"""How the fold takes in what happens to a run as a whole."""

from __future__ import annotations

from durable.core.events import LOG_FORMAT, Event
from durable.core.fold_moves import move_run
from durable.core.graph import Graph
from durable.core.state import RunState
from durable.core.transitions import RUNNING
from durable.errors import UnknownEvent


def run_created(state: RunState, event: Event) -> None:
    move_run(state, event)
    version = event.fields.get("format")
    if version != LOG_FORMAT:
        raise UnknownEvent(
            f"the run's log has format {version}; this version of durable reads format {LOG_FORMAT}",
            run_id=state.run_id,
            seq=event.seq,
            hint="Install the version of durable that wrote it, or a newer one",
        )
    state.created = event
    state.drive_began = event.time
    state.definition_seq = event.seq
    graph = state.read_graph(event)
    assert isinstance(graph, Graph)
    state.set_graph(graph)
    _start_deadline(state, event)


def _start_deadline(state: RunState, event: Event) -> None:
    """A run has its time from its creation, and anew from being reopened."""
    assert state.created is not None
    seconds = state.created.fields.get("deadline")
    state.run_deadline = event.time + int(seconds * 1e6) if seconds else 0


def run_continued(state: RunState, event: Event) -> None:
    move_run(state, event)
    for group in state.graph.members:
        if state.nodes[group] == RUNNING:
            since = max(state.started[group], state.drive_began)
            state.driven[group] = state.driven.get(group, 0) + max(0, state.time - since)
    state.drive_began = event.time


def run_resumed(state: RunState, event: Event) -> None:
    move_run(state, event)
    state.error_seq = 0
    state.steps = 0
    state.drive_began = event.time
    _start_deadline(state, event)


def run_forked(state: RunState, event: Event) -> None:
    """What has a limited time has it anew: none passed while the past that is shared was copied."""
    move_run(state, event)
    state.drive_began = event.time
    _start_deadline(state, event)
    for node in state.deadlines:
        state.deadlines[node] = event.time + int(state.graph.deadlines.get(node, 0) * 1e6)
    for group in state.graph.members:
        if state.nodes[group] == RUNNING:
            state.started[group] = event.time
            state.driven.pop(group, None)


def run_succeeded(state: RunState, event: Event) -> None:
    move_run(state, event)
    if event.data and "terminated" in event.fields:
        state.result_seq = event.seq


def run_failed(state: RunState, event: Event) -> None:
    move_run(state, event)
    state.error_seq = event.seq
