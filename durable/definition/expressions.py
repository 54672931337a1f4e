"""Expressions: what ``>>``, ``<<`` and ``|`` make of tasks and groups, which are chains and groups.

An expression is a value. If a ``with workflow(...)`` block is open, it takes in every expression that
is made; otherwise nobody does, and the expression can be added or scheduled later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from durable.core.results import TaskResult
from durable.definition import standalone
from durable.definition.checks import check_id
from durable.definition.execution import ExecutionSettings
from durable.definition.open_block import open_block
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from typing import Self

    from durable.definition.task import Task

    Node: TypeAlias = Task[Any] | "ParallelGroup"


class Linkable:
    """What can stand in a graph: tasks, groups and chains, with the operators that link them."""

    __slots__ = ()

    def node(self) -> Node:
        """The task or group that the item stands for; a chain has several."""
        return self  # type: ignore[return-value]

    def settle(self) -> None:
        """Take note that the item was linked, so that ``|`` does not grow it any more."""

    def __rshift__(self, other: Linkable) -> Chain:
        """``a >> b``: b after a."""
        return chain(self, other)

    def __lshift__(self, other: Linkable) -> Chain:
        """``a << b``: a after b."""
        return chain(other, self)

    def __or__(self, other: Linkable) -> ParallelGroup:
        """``a | b``: a group of both; ``a | b | c`` is one group of three."""
        return joined(self, other)

    @classmethod
    def of_class(cls) -> Self:
        """Return what the class itself stands for in a graph: an instance, if it is a step class.

        Raises:
            DefinitionError: it is none, or it cannot be made without arguments.
        """
        raise DefinitionError(f"{cls.__name__} is no step class", hint="Give a task, a group or a chain")


class Chain(Linkable):
    """Nodes that follow each other.

    Attributes:
        nodes: tasks and groups, first to last.
    """

    __slots__ = ("nodes",)

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes: tuple[Node, ...] = tuple(nodes)

    def __repr__(self) -> str:
        return " >> ".join(map(repr, self.nodes))


def nodes_of(item: Any) -> tuple[Node, ...]:
    """Return an expression's nodes, first to last.

    Raises:
        DefinitionError: it is not something that can stand in a graph.
    """
    if isinstance(item, Chain):
        return item.nodes
    if isinstance(item, type) and issubclass(item, Linkable):
        item = item.of_class()
    if isinstance(item, Linkable):
        return (item.node(),)
    hint = (
        "Did you forget @task?" if callable(item) else "Link tasks, groups and chains; for a list use parallel(*tasks)"
    )
    raise DefinitionError(f"{item!r} cannot stand in a workflow", hint=hint)


def chain(*items: Linkable) -> Chain:
    """Return the items one after another, like ``a >> b >> c``.

    Args:
        items: tasks, groups and chains, the first one first.

    Raises:
        DefinitionError: nothing to chain, or something that cannot stand in a graph.
    """
    if not items:
        raise DefinitionError("chain() needs at least one task or group")
    made = Chain(node for item in items for node in nodes_of(item))
    for node in made.nodes:
        node.settle()
    block = open_block()
    if block is not None:
        block.add(made)
    return made


class ParallelGroup(ExecutionSettings, Linkable):
    """A group of tasks, chains or groups; links like a task.

    Args:
        *tasks: the members, or one list of them.
        name: the group's id; made of the members' ids when left out.
        callback: a task that runs once after the verdict (a chord); what follows the group waits for it.

    Raises:
        DefinitionError: no members, or something that cannot be one.
    """

    __slots__ = ("callback", "members", "name", "plain", "route")

    def __init__(
        self, *tasks: Linkable | Iterable[Linkable], name: str | None = None, callback: Task[Any] | None = None
    ) -> None:
        super().__init__()
        items: list[Any] = []
        for item in tasks:
            items.extend([item] if isinstance(item, Linkable) or not isinstance(item, Iterable) else item)
        self.members: tuple[tuple[Node, ...], ...] = tuple(nodes_of(item) for item in items)
        self.name = check_id(name) if name is not None else None
        if callback is not None and len(nodes_of(callback)) > 1:
            raise DefinitionError(f"callback= is one task, not {callback!r}", hint="Chain the rest after the group")
        self.callback = callback
        self.plain = False
        self.route: Callable[[Any], Any] | None = None
        block = open_block()
        if block is not None:
            block.add(self)

    def lines(self) -> list[tuple[Node, ...]]:
        """The members as lines of nodes; a nested group's callback stands after it."""
        return [
            line if len(line) == 1 and not isinstance(line[0], ParallelGroup) else tuple(_with_callbacks(line))
            for line in self.members
        ]

    @property
    def task_id(self) -> str:
        """The group's id: its name, or one made of its members' ids."""
        if self.name is not None:
            return self.name
        ids = [line[-1].task_id for line in self.members]
        if not ids:
            return "parallel()"
        if len(ids) == 1:
            return f"parallel({ids[0]})"[:500]  # not its member's id, which is taken
        whole = "|".join(ids)
        return whole if len(whole) <= 60 else f"{ids[0]}|…|{ids[-1]} ({len(ids)})"[:500]

    @property
    def id(self) -> str:
        """The same as ``task_id``."""
        return self.task_id

    def bodies(self) -> Iterable[Task[Any]]:
        """The tasks that run where the group says; a nested group says so itself."""
        return [node for line in self.members for node in line if not isinstance(node, ParallelGroup)]

    def settle(self) -> None:
        """Take note that the group was linked or configured, so that ``|`` does not grow it any more."""
        self.plain = False

    def run(self, **options: Any) -> dict[str, TaskResult]:
        """Run the group on its own and return each member's TaskResult by id.

        Args:
            **options: as for ``Workflow.start``: ``run_id``, ``store``, ``initial``.

        Raises:
            ParallelGroupError: the policy judged so.
        """
        return standalone.run_group(self, options)

    def __repr__(self) -> str:
        return f"<ParallelGroup {self.task_id}>"


def parallel(
    *tasks: Linkable | Iterable[Linkable], name: str | None = None, callback: Task[Any] | None = None
) -> ParallelGroup:
    """Return a group of the tasks. See ``ParallelGroup``.

    Args:
        tasks: the members; also lists of them.
        name: the group's id; made from its members when left out.
        callback: a task that runs once after the verdict.
    """
    return ParallelGroup(*tasks, name=name, callback=callback)


def joined(left: Linkable, right: Linkable) -> ParallelGroup:
    """Return the group that ``left | right`` means: a group that ``|`` has just made grows."""
    members: list[Linkable] = []
    block = open_block()
    for side in (left, right):
        if isinstance(side, ParallelGroup) and side.plain and side.name is None:
            members.extend(Chain(line) if len(line) > 1 else line[0] for line in side.members)
            if block is not None:
                block.forget(side)
        else:
            members.append(side)
    made = ParallelGroup(*members)
    made.plain = True
    return made


def _with_callbacks(line: tuple[Node, ...]) -> Iterator[Node]:
    for part in line:
        yield part
        if isinstance(part, ParallelGroup) and part.callback is not None:
            yield part.callback
