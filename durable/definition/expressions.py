"""Expressions: what ``>>``, ``<<`` and ``|`` make of tasks and groups.

An expression is a value. If a ``with workflow(...)`` block is open, it takes in every expression that
is made; otherwise nobody does, and the expression can be added or scheduled later.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from durable.definition.open_block import open_block
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from durable.definition.groups import ParallelGroup
    from durable.definition.task import Task

    Node: TypeAlias = Task[Any] | ParallelGroup


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
        from durable.definition.groups import joined

        return joined(self, other)


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
        from durable.definition.steps import made_step  # steps are linkable themselves

        item = made_step(item)
    if isinstance(item, Linkable):
        return (item.node(),)
    hint = (
        "Did you forget @task?" if callable(item) else "Link tasks, groups and chains; for a list use parallel(*tasks)"
    )
    raise DefinitionError(f"{item!r} cannot stand in a workflow", hint=hint)


def chain(*items: Linkable) -> Chain:
    """Return the items one after another, like ``a >> b >> c``.

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
