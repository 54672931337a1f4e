"""Members of maps for people: which of very many are shown, and what their items are. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from durable.core.plan_maps import ATTENTION, LISTED, worth_listing
from durable.errors import DurableError
from durable.values.payloads import decode_raw, preview_of
from durable.values.previews import clip

if TYPE_CHECKING:
    from durable.core.expansion import Expansion
    from durable.core.state import RunState
    from durable.store import Store


def shown_members(state: RunState, expansion: Expansion, status: int | None, limit: int) -> list[int]:
    """Return the members of a map that are shown.

    Args:
        state: the folded run.
        expansion: the map's members.
        status: those that have it; None for those that failed or have not finished.
        limit: how many; 0 for all.
    """
    if status is None:
        return worth_listing(state, expansion, min(limit, LISTED) or expansion.count)
    return list(islice(having(state, expansion, status), limit or None))


def left_out(state: RunState, expansion: Expansion, status: int | None, shown: int) -> int:
    """Return how many members of a map have a status, or failed or have not finished, and are not shown."""
    wanted = ATTENTION if status is None else (status,)
    spans = [(batch.begin, batch.begin + batch.count) for batch in expansion.batches]
    return sum(state.nodes.count(one, *span) for one in wanted for span in spans) - shown


def having(state: RunState, expansion: Expansion, status: int) -> Iterator[int]:
    """Yield the members of a map that have a status, in the order of the items."""
    for batch in expansion.batches:
        node = state.nodes.find(status, batch.begin, batch.begin + batch.count)
        while node >= 0:
            yield node
            node = state.nodes.find(status, node + 1, batch.begin + batch.count)


def item_preview(state: RunState, store: Store, node: int) -> str:
    """Return what a member's item is, in at most 80 characters.

    Args:
        state: the folded run.
        store: where its log is.
        node: the member.
    """
    graph = state.graph
    expansion = graph.expansion_of(node)
    assert expansion is not None
    batch = expansion.batch_of(node)
    event = store.event(state.run_id, batch.seq)
    place = node - batch.begin
    sources = event.fields.get("sources")
    if sources is not None:
        event = store.event(state.run_id, sources[place])
        return preview_of(event.encoding, event.payload, event.fields.get("preview"))
    if event.payload is None:
        spec = graph.group(expansion.group).map
        source = graph.find(spec.source, expansion.group, members=False) if spec is not None else None
        if source is None or not state.outcome[source]:
            return "<unknown>"
        event, place = store.event(state.run_id, state.outcome[source]), batch.place + place
    return _part(event.encoding, event.payload, place)


def _part(encoding: str | None, payload: bytes | None, place: int) -> str:
    """One value of a recorded list; of a dict, a key, as going over it gives."""
    try:
        kind, raw = decode_raw(encoding, payload)
        if kind != "json":
            return "<pickled>"
        found = msgspec.json.decode(raw, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
        if isinstance(found, dict):
            return clip(msgspec.json.encode(next(islice(found, place, None))).decode())
        return clip(bytes(found[place]).decode("utf-8", "backslashreplace"))
    except (DurableError, msgspec.MsgspecError, LookupError, StopIteration):
        return "<unreadable>"
