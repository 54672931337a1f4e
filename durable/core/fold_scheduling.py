"""How the fold changes the graph: tasks that were scheduled, members of maps, a definition that was replaced."""

from __future__ import annotations

from copy import copy

from durable.core.events import Event
from durable.core.expansion import SEPARATOR, Batch
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


def members_added(state: RunState, event: Event) -> int:
    """Add members of a map; returns the map."""
    node = state.index.get(event.task_id or "")
    expansion = state.graph.expansions.by_group.get(-1 if node is None else node)
    fields = event.fields
    keys = fields.get("keys")
    if node is None or expansion is None or expansion.complete or (expansion.keyed and fields["count"] and not keys):
        raise LogCorrupt(
            "members were added to what is no map, or is complete",
            run_id=state.run_id,
            task_id=event.task_id,
            seq=event.seq,
            hint="The log was not written by this engine, or events are missing: run durable verify",
        )
    joined = SEPARATOR.join(keys) if keys else None
    state.expand(node, fields["count"], event.seq, joined, fields.get("digest", ""), bool(fields.get("last")))
    if "expected" in fields:
        expansion.expected = fields["expected"]
    expansion.cut = bool(fields.get("cut"))
    if fields["count"]:
        state.grown.append(event.seq)
    return node


def definition_changed(state: RunState, event: Event) -> None:
    """CursorEffects every node's record over by id; what the new definition lacks becomes an orphan."""
    old = copy(state)
    graph = state.read_graph(event)
    assert isinstance(graph, Graph)
    state.definition_seq = event.seq
    state.set_graph(graph)
    state.grown = []
    for name in SPARSE:
        setattr(state, name, {})
    fragments = iter(old.graph.fragments)
    batches = {batch.seq: batch for one in old.graph.expansions.by_group.values() for batch in one.batches}
    for seq in old.grown:
        batch = batches.get(seq)
        if batch is None:
            scheduler, fragment = next(fragments)
            if scheduler in state.index and regrow(state, scheduler, fragment):
                state.grown.append(seq)
        elif _carry_batch(old, state, batch):
            state.grown.append(seq)
    for was, before in old.graph.expansions.by_group.items():
        now = state.index.get(old.graph.ids[was])
        here = state.graph.expansions.by_group.get(now) if now is not None else None
        if here is not None and here.count == before.count:
            here.complete, here.cut, here.expected = before.complete, before.cut, before.expected
    for node_id, was in old.index.items():
        now = state.index.get(node_id)
        if now is not None:
            _carry_over(old, state, was, now)
        elif old.nodes[was] != PENDING or was in old.iterations:
            state.orphans[node_id] = (old.nodes[was], old.outcome[was])
    _renumber(old, state)


def _carry_batch(old: RunState, state: RunState, batch: Batch) -> bool:
    """Add members that were recorded under an earlier definition, with what happened to them."""
    name = old.graph.ids[batch.group]
    group = state.index.get(name)
    here = state.graph.expansions.by_group.get(-1 if group is None else group)
    if group is None or here is None or here.keyed != (batch.keys is not None):
        return False
    begin = len(state.nodes)
    state.expand(group, batch.count, batch.seq, batch.keys, batch.digest, complete=False)
    for name in _COLUMNS:
        getattr(state, name)[begin:] = getattr(old, name)[batch.begin : batch.begin + batch.count]
    for name in SPARSE:
        column = getattr(state, name)
        column.update(
            {was - batch.begin + begin: kept for was, kept in getattr(old, name).items() if was in batch.nodes}
        )
    return True


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
