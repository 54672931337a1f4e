"""MapItems: reads what maps go over, a window at a time, and gives each member its item.

Windows are read off the driver unless the items are in memory already; the driver records them. One read
of a map is under way at a time, so that a source is never read by two threads at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from threading import Lock, Thread
from typing import Any

from durable.core.expansion import Batch, Expansion
from durable.core.specs import Window
from durable.core.transitions import RUNNING
from durable.definition.compile import Compiled
from durable.definition.item_windows import (
    by_reference,
    encode_items,
    inline,
    key_of,
    windows,
)
from durable.definition.maps import checked_items
from durable.engine.journal import Journal
from durable.engine.map_sources import distinct, member_windows, missing_items, unrecorded, with_expected
from durable.engine.scheduled_events import emit_window
from durable.errors import DivergenceError, UpstreamUnavailable
from durable.values.payloads import decode, encode

_KEPT = 4
"""Windows whose items are cached: members start in order, so that few are enough."""

_IMMUTABLE = frozenset({type(None), bool, int, float, str, bytes})
_GIVEN = object()


class MapItems:
    """The items of one drive's maps.

    Args:
        journal: where windows are recorded.
        code: the live maps.
        post: puts a window that was read off the driver into the driver's queue.

    Attributes:
        reading: maps that are being read off the driver.
    """

    def __init__(self, journal: Journal, code: Compiled, post: Callable[[tuple[str, Any]], None]) -> None:
        self.reading: set[int] = set()
        self._journal = journal
        self._code = code
        self._post = post
        self._sources: dict[int, Iterator[Window]] = {}
        self._at_hand: set[int] = set()
        self._lock = Lock()
        self._batches: OrderedDict[int, list[Any]] = OrderedDict()
        self._values: dict[int, list[Any]] = {}

    # The driver's side.

    def want(self, groups: Iterable[int]) -> bool:
        """Read the next window of maps, on the driver where nobody has to wait for it.

        An error is posted also then: what is decided to start already must not be closed by it.

        Args:
            groups: the maps; those that are being read are left alone.

        Returns:
            Whether something was recorded at once.
        """
        recorded = False
        for group in groups:
            if group in self.reading:
                continue
            if group not in self._sources:
                self._sources[group] = self._windows(group)
            if group not in self._at_hand:
                self.reading.add(group)
                Thread(target=self._read, args=(group,), name="durable-items", daemon=True).start()
                continue
            read = self._next(group)
            if isinstance(read, Window):
                self._record(group, read)
                recorded = True
            else:
                self.reading.add(group)
                self._post(("members", (group, read)))
        return recorded

    def take(self, group: int, read: Window | BaseException, fail: Callable[[int, BaseException], None]) -> None:
        """Record what was read of a map, if it still runs; ``fail`` takes the error of one that cannot be read."""
        state = self._journal.state
        self.reading.discard(group)
        if state.nodes[group] != RUNNING or state.graph.expansions.by_group[group].complete:
            self._sources.pop(group, None)
            return
        if isinstance(read, Window):
            self._record(group, read)
            return
        self._sources.pop(group, None)
        if isinstance(read, DivergenceError):
            raise read
        fail(group, read)

    def _record(self, group: int, window: Window) -> None:
        emit_window(self._journal, self._journal.state.graph.ids[group], window)
        if window.last:
            self._sources.pop(group, None)

    def _read(self, group: int) -> None:
        self._post(("members", (group, self._next(group))))

    def _next(self, group: int) -> Window | BaseException:
        try:
            return next(self._sources[group])
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            return error

    # Sources.

    def _windows(self, group: int) -> Iterator[Window]:
        """What is left to read of a map; nothing is read before the first window is asked for."""
        graph = self._journal.state.graph
        spec, expansion = graph.group(group).map, graph.expansions.by_group[group]
        assert spec is not None
        live = self._code.mapped_task(graph, group).group
        if spec.source:
            self._at_hand.add(group)
            return with_expected(self._from_result(group, spec.source, expansion), lambda: self._results(group))
        if live is None:
            return missing_items(expansion)
        if live.in_memory:
            self._at_hand.add(group)
        if live.key is not None:
            named = unrecorded(live.open, live.key, expansion)
            found = windows(named, expansion.count, inline(expansion.name), keyed=True)
        else:
            found = self._positional(live.open, expansion)
        return with_expected(found, lambda: live.size)

    def _positional(self, begin: Callable[[], Iterator[Any]], expansion: Expansion) -> Iterator[Window]:
        items = begin()
        for batch in list(expansion.batches):
            self._compare(expansion, batch, list(islice(items, batch.count)))
        yield from windows(items, expansion.count, inline(expansion.name))

    def _compare(self, expansion: Expansion, batch: Batch, found: list[Any]) -> None:
        """Refuse items that are not those that the run recorded at these positions."""
        if len(found) == batch.count and encode_items(found, batch.place, expansion.name)[1] == batch.digest:
            return
        event = self._journal.view.event(batch.seq)
        recorded = decode(event.encoding, event.payload)
        both = enumerate(zip(recorded, found, strict=False), batch.place)
        place = next((place for place, (was, now) in both if was != now), None)
        if place is None and len(found) == batch.count:
            return  # equal values whose bytes differ, such as a set's
        what = f"item {place}" if place is not None else f"the number of items ({batch.place + len(found)} are left)"
        raise DivergenceError(
            f"{what} of {expansion.name!r} is not what the run recorded",
            changes=[f"{expansion.name}: {what} differs"],
            run_id=self._journal.state.run_id,
            task_id=expansion.name,
            hint="Let the items be the same in each process, or give key= so that they are identified by it",
        )

    def _from_result(self, group: int, source: str, expansion: Expansion) -> Iterator[Window]:
        """Windows over a result of the run, whose items need not be recorded once more."""
        state, view = self._journal.state, self._journal.view
        node = state.graph.find(source, group, members=False)
        live = self._code.mapped_task(state.graph, group).group
        key = live.key if live is not None else None
        if node is not None and not view.has_value(node):
            self._journal.commit()  # its success may be what opened the map
        if node is None or not view.has_value(node):
            raise UpstreamUnavailable(
                f"the map {expansion.name!r} iterates over the result of {source!r}, which ended without one",
                run_id=state.run_id,
                task_id=expansion.name,
            )
        done = expansion.count
        if not state.graph.is_group(node):
            items = self._value(group, state.outcome[node])
            if key is None:
                yield from windows(islice(items, done, None), done, by_reference)
            else:
                pairs = distinct(
                    ((key_of(key(item), at, expansion.name), item) for at, item in enumerate(items)), expansion
                )
                yield from windows(islice(pairs, done, None), done, by_reference, keyed=True)
            return
        yield from member_windows(view, node, key, expansion)

    def _results(self, group: int) -> int | None:
        """How many items the result has that a map goes over, once it was looked at."""
        graph, view = self._journal.state.graph, self._journal.view
        if group in self._values:
            return len(self._values[group])
        spec = graph.group(group).map
        source = graph.find(spec.source, group, members=False) if spec is not None else None
        return len(view.member_values(source)) if source is not None else None

    def _value(self, group: int, seq: int) -> list[Any]:
        """The items that a task returned, decoded once."""
        if group not in self._values:
            value = self._journal.view.load(seq)
            name = self._journal.state.graph.ids[group]
            self._values[group] = list(checked_items(value, name, keyed=False))
        return self._values[group]

    # The members' side; called by bodies, from any thread.

    def item(self, node: int) -> Any:
        """Return a member's item, a fresh value for each attempt."""
        expansion = self._journal.state.graph.expansion_of(node)
        assert expansion is not None
        batch = expansion.batch_of(node)
        place = node - batch.begin
        with self._lock:
            kept = self._batches.get(batch.seq)
            if kept is None:
                kept = self._batches[batch.seq] = self._load(expansion, batch)
                if len(self._batches) > _KEPT:
                    self._batches.popitem(last=False)
            item = kept[place]
            if type(item) in _IMMUTABLE:
                return item
            kept[place] = _GIVEN
        if item is _GIVEN:
            item = self._load(expansion, batch)[place]
        return item() if isinstance(item, _Later) else item

    def _load(self, expansion: Expansion, batch: Batch) -> list[Any]:
        view = self._journal.view
        event = view.event(batch.seq)
        if event.payload is not None:
            found: list[Any] = decode(event.encoding, event.payload)
            return found
        sources = event.fields.get("sources")
        if sources is not None:
            return [_Later(view.load, seq) for seq in sources]
        state = self._journal.state
        spec = state.graph.group(expansion.group).map
        assert spec is not None
        node = state.graph.find(spec.source, expansion.group, members=False)
        assert node is not None
        values = self._value(expansion.group, state.outcome[node])
        return [_copy(value) for value in values[batch.place : batch.place + batch.count]]


class _Later:
    """An item that is loaded for the member that needs it."""

    __slots__ = ("_load", "_seq")

    def __init__(self, load: Callable[[int], Any], seq: int) -> None:
        self._load = load
        self._seq = seq

    def __call__(self) -> Any:
        return self._load(self._seq)


def _copy(value: Any) -> Any:
    """A value that shares nothing with the one that other members get."""
    payload = encode(value)
    return decode(payload.encoding, payload.data) if payload is not None else None
