"""Where the items of maps come from, as windows that are ready to be recorded: read, named, and none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from msgspec.structs import replace

from durable.core.expansion import Expansion
from durable.core.specs import Window
from durable.definition.item_windows import Part, inline, key_of, refuse_twice, windows
from durable.engine.run_view import RunView
from durable.errors import DefinitionError


def with_expected(found: Iterator[Window], known: Callable[[], int | None]) -> Iterator[Window]:
    """Say with the first window how many items there are in all, if that is known."""
    for place, window in enumerate(found):
        yield window if place or window.last else replace(window, expected=known())


def unrecorded(
    begin: Callable[[], Iterator[Any]], key: Callable[[Any], Any], expansion: Expansion
) -> Iterator[tuple[str, Any]]:
    """Yield the items that are not recorded yet, by name; names that were recorded may come in any order."""
    recorded, name = expansion.count, expansion.name
    seen = bytearray(recorded)
    fresh: dict[str, int] = {}  # those of the window that is being read: others can be found in the expansion
    count = recorded
    for place, item in enumerate(begin()):
        if count != expansion.count:
            count = expansion.count
            fresh.clear()
        found = key_of(key(item), place, name)
        before = expansion.place_named(found)
        if before is not None and before < recorded and not seen[before]:
            seen[before] = 1
            continue
        if before is not None or found in fresh:
            raise refuse_twice(found, fresh.get(found, before if before is not None else 0), place, name)
        fresh[found] = place
        yield found, item


def distinct(pairs: Iterable[tuple[str, Any]], expansion: Expansion) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for place, (key, item) in enumerate(pairs):
        if key in seen:
            raise refuse_twice(key, seen[key], place, expansion.name)
        seen[key] = place
        yield key, item


def member_windows(
    view: RunView, node: int, key: Callable[[Any], Any] | None, expansion: Expansion
) -> Iterator[Window]:
    """Windows over the values of a group's members that succeeded, by reference where each has an event."""
    graph, outcome = view.state.graph, view.state.outcome
    ends = (line[-1] for line in graph.members[node])
    nested = node not in graph.expansions.by_group and any(graph.grouped[line[-1]] for line in graph.members[node])
    make: Part = inline(expansion.name) if nested else by_sources

    def pairs() -> Iterator[tuple[str, Any]]:
        for place, end in enumerate(filter(view.has_value, ends)):
            name = graph.name(end) if key is None else key_of(key(view.value(end)), place, expansion.name)
            yield name, view.value(end) if nested else outcome[end]

    found = pairs() if key is None else distinct(pairs(), expansion)
    yield from windows(islice(found, expansion.count, None), expansion.count, make, keyed=True)


def by_sources(seqs: list[Any], _first: int) -> tuple[Window, int]:
    return Window(len(seqs), sources=seqs), 0


def missing_items(expansion: Expansion) -> Iterator[Window]:
    raise DefinitionError("the items of a scheduled map are not in the log", task_id=expansion.name)
    yield
