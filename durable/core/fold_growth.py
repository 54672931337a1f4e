"""How the fold changes the graph itself: tasks that were scheduled, and a definition that was replaced."""

from __future__ import annotations

from copy import copy

from durable.core.events import Event
from durable.core.graph import Graph
from durable.core.specs import Fragment
from durable.core.state import RunState
from durable.core.transitions import PENDING
from durable.errors import DefinitionError, LogCorrupt

_COLUMNS = ("nodes", "attempts", "outcome", "started", "ended")
SPARSE = (
    "spent", "interrupted", "due", "driven", "rejudged", "iterations", "marks", "saved", "carried", "woken",
    "deadlines",
)  # fmt: skip
"""What the state holds of some nodes only, by node."""


def tasks_scheduled(state: RunState, event: Event) -> int:
    """Add what an attempt scheduled; returns the scheduler."""
    node = state.index.get(event.task_id or "")
    if node is None:
        raise LogCorrupt(
            "tasks were scheduled by a task that nothing defined",
            run_id=state.run_id,
            task_id=event.task_id,
            seq=event.seq,
            hint="The log was not written by this engine, or events are missing: run durable verify",
        )
    fragment = state.read_graph(event)
    assert isinstance(fragment, Fragment)
    state.grow(state.graph.ids[node], fragment)
    state.grown.append(event.seq)
    return node


def definition_changed(state: RunState, event: Event) -> None:
    """Carry every node's record over by id; what the new definition lacks becomes an orphan."""
    old = copy(state)
    graph = state.read_graph(event)
    assert isinstance(graph, Graph)
    state.definition_seq = event.seq
    state.set_graph(graph)
    state.grown = []
    for seq, (scheduler, fragment) in zip(old.grown, old.graph.fragments, strict=True):
        if scheduler in state.index and regrow(state, scheduler, fragment):
            state.grown.append(seq)
    for name in SPARSE:
        setattr(state, name, {})
    for node_id, was in old.index.items():
        now = state.index.get(node_id)
        if now is not None:
            _carry_over(old, state, was, now)
        elif old.nodes[was] != PENDING or was in old.iterations:
            state.orphans[node_id] = (old.nodes[was], old.outcome[was])
    _renumber(old, state)


def regrow(state: RunState, scheduler: str, fragment: Fragment) -> bool:
    """Add what was scheduled under an earlier definition; False where it does not fit the present one."""
    jumps = tuple(name for name in fragment.jumps if name in state.index)
    kept = Fragment(**{name: getattr(fragment, name) for name in fragment.__struct_fields__} | {"jumps": jumps})
    if any(name in state.index for name in kept.ids):
        return False
    try:
        state.grow(scheduler, kept)
    except DefinitionError:
        return False
    return True


def _carry_over(old: RunState, state: RunState, was: int, now: int) -> None:
    for column in _COLUMNS:
        getattr(state, column)[now] = getattr(old, column)[was]
    for name in SPARSE:
        if was in getattr(old, name):
            getattr(state, name)[now] = getattr(old, name)[was]


def _renumber(old: RunState, state: RunState) -> None:
    """Follow the nodes' new numbers where the state names nodes in other ways than by column."""
    ids, index = old.graph.ids, state.index
    state.taken = {
        index[ids[node]]: frozenset(index[ids[one]] for one in taken if ids[one] in index)
        for node, taken in old.taken.items()
        if ids[node] in index
    }
    state.listening = {
        name: [(index[ids[node]], mark, seq) for node, mark, seq in waits if ids[node] in index]
        for name, waits in old.listening.items()
    }
    state.requests = {
        name: (index[ids[request[0]]], *request[1:])
        for name, request in old.requests.items()
        if ids[request[0]] in index
    }
