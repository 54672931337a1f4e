"""MapGroup: one task over many items, as a group whose members are made while the run goes on.

It describes; items are read by the engine (``engine/items.py``), a window at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, TypeAlias

from durable.definition.expressions import Chain, Linkable, ParallelGroup, nodes_of
from durable.definition.open_block import open_block
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from durable.definition.expressions import Node
    from durable.definition.task import Task

Items: TypeAlias = "Iterable[Any] | Linkable | Callable[[], Iterable[Any]]"


class MapGroup(ParallelGroup):
    """A group with one member for each item; made by ``task.map(items)``, linked and configured like any group.

    Args:
        task: the task that members are instances of.
        items: what to go over; see ``Task.map``.
        key: names a member by its item.
        name: the group's id; the task's when left out.
        callback: a task that runs once after the verdict.

    Raises:
        DefinitionError: items that cannot be gone over.
    """

    __slots__ = ("items", "key", "source", "task", "used")

    def __init__(
        self,
        task: Task[Any],
        items: Items,
        key: Callable[[Any], Any] | None = None,
        name: str | None = None,
        callback: Task[Any] | None = None,
    ) -> None:
        self.task = task
        self.key = key
        self.source: Node | None = None
        self.items: Any = None
        self.used = False
        if key is not None and not callable(key):
            raise DefinitionError(f"key= is a function of an item, not {key!r}")
        if isinstance(items, Linkable):
            self.source = nodes_of(items)[-1]
        else:
            self.items = checked_items(items, task.task_id, keyed=key is not None)
        super().__init__(name=name if name is not None else task.task_id, callback=callback)
        block = open_block()
        if block is not None and self.source is not None:
            block.add(Chain((self.source, self)))

    @property
    def keyed(self) -> bool:
        """Whether members have keys: those that ``key`` gives, or the names of the group that items come from."""
        return self.key is not None or isinstance(self.source, ParallelGroup)

    def bodies(self) -> Iterable[Task[Any]]:
        """See ``ParallelGroup.bodies``."""
        return [self.task]

    def open(self) -> Iterator[Any]:
        """Begin to read the items that the code gives.

        Raises:
            DefinitionError: they can be read only once, and have been.
        """
        items = self.items
        if callable(items):
            items = checked_items(items(), self.task_id, keyed=self.key is not None)
        elif isinstance(items, Iterator):
            if self.used:
                raise DefinitionError(
                    f"the items of {self.task_id!r} come from an iterator that was already read",
                    task_id=self.task_id,
                    hint="Give map a list, or a function that returns an iterator: t.map(lambda: read(path))",
                )
            self.used = True
        return iter(items)

    @property
    def size(self) -> int | None:
        """How many items there are; None when only reading them can tell."""
        return len(self.items) if isinstance(self.items, Sized) else None

    @property
    def in_memory(self) -> bool:
        """Whether the items are in memory already, so that reading them keeps nobody waiting."""
        return isinstance(self.items, (list, tuple, range))

    def __repr__(self) -> str:
        return f"<MapGroup {self.task_id}>"


def checked_items(items: Any, name: str, *, keyed: bool) -> Any:
    """Return items that can be gone over.

    Args:
        items: an iterable, or a function that returns one; name: the map's id; keyed: whether items have keys.

    Raises:
        DefinitionError: what would be gone over by mistake, or in another order each time.
    """
    if isinstance(items, (str, bytes)):
        raise DefinitionError(
            f"{name}.map() would map over the characters of a text", hint="Give it a list, such as [text]"
        )
    if isinstance(items, (set, frozenset)) and not keyed:
        raise DefinitionError(
            f"{name}.map(): a set has another order in each process, so that its items cannot be identified",
            hint="Give key=, or a sorted list",
        )
    if hasattr(items, "__aiter__") and not isinstance(items, Iterable):
        raise DefinitionError(
            f"{name}.map() reads items from plain iterators, not from an async one",
            hint="Collect them in a task, and map over its result",
        )
    if not isinstance(items, Iterable) and not callable(items):
        raise DefinitionError(
            f"{name}.map() maps over items, not over {items!r}",
            hint="Give it an iterable, a task whose result is one, or a function that returns one",
        )
    return items
