"""A tracked loop: goes on after the last item that was finished, with what its iterations wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from durable.core.data_events import cursor_moved
from durable.core.durable_calls import LOOP, find
from durable.errors import DefinitionError, DivergenceError, PayloadError
from durable.values.payloads import encode

if TYPE_CHECKING:
    from durable.context.cursor_effects import Begun
    from durable.context.port import Port
    from durable.context.task_context import TaskExecutionContext
    from durable.core.events import Draft

T = TypeVar("T")


class Tracked(Generic[T]):
    """The items of a loop that are still to be done; iterate with ``for``, or ``async for`` in a coroutine.

    Args:
        context: the attempt's context.
        items: all items.
        key: identifies items; without it they are identified by position.
    """

    def __init__(self, context: TaskExecutionContext, items: Iterable[T], key: Callable[[T], Any] | None) -> None:
        self._context = context
        self._items = items
        self._key = key
        self._name = getattr(key, "__name__", "") if key is not None else ""
        self._path, self._mark = context.numbering.next(LOOP, self._name)
        self._outer = context.numbering.present
        self._cursor_effects = context.cursor_effects
        self._begun: Begun = (0, 0, {})
        self._position = self._mark.position if self._mark is not None else 0

    def __iter__(self) -> Iterator[T]:
        port = self._context.port
        if port.is_async:
            raise DefinitionError(
                "a coroutine's tracked loop is iterated with async for, so that its event loop keeps running",
                run_id=self._context.run_id,
                task_id=self._context.task_id,
                hint="Write: async for item in ctx.track(...)",
            )
        return self._items_of(port)

    def _items_of(self, port: Port) -> Iterator[T]:
        try:
            for item in self._remaining():
                self._enter()
                yield item
                port.wait(port.ask([self._leave(item)]))
        finally:
            self._context.numbering.end_loop(self._path)
            self._context.numbering.back(self._outer)

    async def __aiter__(self) -> AsyncIterator[T]:
        import asyncio

        port = self._context.port
        try:
            for item in self._remaining():
                self._enter()
                yield item
                await asyncio.wrap_future(port.ask([self._leave(item)]))
        finally:
            self._context.numbering.end_loop(self._path)
            self._context.numbering.back(self._outer)

    def _enter(self) -> None:
        self._context.check()
        self._context.numbering.begin_loop(self._path)
        self._context.numbering.enter(f"{self._path}/")
        self._begun = self._cursor_effects.begin()

    def _leave(self, item: T) -> Draft:
        self._position += 1
        recorded = find(self._context.numbering.recorded, self._path)
        if recorded is not None:
            recorded.inner = {}  # calls of the item that has just been finished; those of the next one are new
        payload = self._cursor_effects.part(self._begun)
        key = self._identity(item)
        return cursor_moved(payload, mark=self._path, name=self._name, position=self._position, key=key)

    def _remaining(self) -> Iterator[T]:
        items = iter(self._items)
        if self._mark is not None and self._position:
            self._cursor_effects.restore(self._path, self._mark.seq)
            fields = self._context.view.event(self._mark.seq).fields
            self._skip(items, fields.get("key"))
        return items

    def _skip(self, items: Iterator[T], last: str | None) -> None:
        """Pass over what is finished: up to the last one's key, or as many as there were."""
        if self._key is not None and last is not None:
            if not any(self._identity(item) == last for item in items):
                self._diverged("the last item that was finished is not among the items any more")
            return
        seen = None
        for number in range(self._position):
            try:
                seen = next(items)
            except StopIteration:
                self._diverged(f"{self._position} items were finished and there are only {number} now")
        if last is not None and self._identity(seen) != last:
            self._diverged(f"item {self._position - 1} is not the one that was finished there")

    def _diverged(self, what: str) -> None:
        raise DivergenceError(
            f"tracked loop {self._path}: {what}",
            changes=[what],
            run_id=self._context.run_id,
            task_id=self._context.task_id,
            hint="Give track() a key= that identifies items, and the items in the same order",
        )

    def _identity(self, item: Any) -> str | None:
        """A digest of the item's key; None when it has none that is the same in every process."""
        try:
            payload = encode(self._key(item) if self._key is not None else item)
        except PayloadError:
            return None
        if payload is not None and payload.encoding.startswith("pickle"):
            return None
        return sha256(b"" if payload is None else payload.data).hexdigest()[:16]
