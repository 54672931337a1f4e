"""Blueprint: a named graph of tasks as it is written down, and the ``with`` block that takes expressions in.

It describes; it runs nothing. ``durable.runs.workflow.Workflow`` is the blueprint that can be run.
"""

from __future__ import annotations

import os
from contextvars import Token
from itertools import pairwise
from types import FrameType
from typing import TYPE_CHECKING, Any

from durable.definition.checks import check_id
from durable.definition.expressions import Chain, Linkable, ParallelGroup, nodes_of
from durable.definition.open_block import OPEN, Block
from durable.definition.task import Task

if TYPE_CHECKING:
    from typing import Self

    from durable.definition.expressions import Node


class Blueprint:
    """A named graph of tasks.

    Args:
        name: what runs of it are listed under.
        store: where its runs are kept; a store, a URL or a path. None for the default.
        version: declared version, recorded with each run.

    Attributes:
        file: the file that makes it, so that a resume finds the code again.
        defined: all its tasks, in definition order; linked: the tasks and groups that run.
        edges: which node follows which.
    """

    def __init__(self, name: str, store: Any = None, version: str | None = None) -> None:
        self.name = check_id(name)
        self.store = store
        self.version = None if version is None else str(version)
        self.file = _caller_file()
        self.defined: dict[Task[Any], None] = {}
        self.linked: dict[Node, None] = {}
        self.edges: dict[tuple[Node, Node], None] = {}
        self._tokens: list[Token[Block | None]] = []

    def __enter__(self) -> Self:
        self._tokens.append(OPEN.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        OPEN.reset(self._tokens.pop())

    def define(self, task: Task[Any]) -> None:
        """Take note of a task that was defined inside the block; it is not linked by that.

        Args:
            task: the task.
        """
        self.defined.setdefault(task)

    def add(self, *items: Linkable) -> Self:
        """Link tasks, groups or chains into the workflow and return it.

        Args:
            items: tasks, groups and chains.

        Raises:
            DefinitionError: something that cannot stand in a graph.
        """
        for item in items:
            nodes = nodes_of(item)
            for node in nodes:
                self._link(node)
            for before, after in pairwise(nodes):
                self.edges.setdefault((before, after))
        return self

    def _link(self, node: Node) -> None:
        if node in self.linked:
            return
        self.linked[node] = None
        if isinstance(node, Task):
            self.defined.setdefault(node)
            return
        for line in node.members:
            self.add(Chain(line))
        if node.callback is not None:
            self._link(node.callback)

    def forget(self, group: ParallelGroup) -> None:
        """Take a group out again whose members went into a larger one.

        Args:
            group: the group.
        """
        self.linked.pop(group, None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self.linked)} linked>"


def _caller_file() -> str | None:
    """The file that calls into durable, so that a resume finds the code again."""
    import sys

    here = os.path.dirname(os.path.dirname(__file__)) + os.sep
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((here, "<")):
        frame = frame.f_back
    return os.path.abspath(frame.f_code.co_filename) if frame is not None else None
