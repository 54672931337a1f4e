"""Workflow: a named graph of tasks, and the ``with workflow(...)`` block that takes expressions in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar, Token
from itertools import pairwise
from types import FrameType
from typing import TYPE_CHECKING, Any

from durable.definition.expressions import Chain, Linkable, nodes_of
from durable.definition.groups import ParallelGroup
from durable.definition.task import Task, check_id

if TYPE_CHECKING:
    from durable.core.plan import Plan
    from durable.definition.expressions import Node
    from durable.run import Run


_OPEN: ContextVar[Workflow | None] = ContextVar("durable_open_workflow", default=None)


def open_workflow() -> Workflow | None:
    """Return the workflow whose ``with`` block is open here; None inside task bodies."""
    return _OPEN.get()


def close_workflows() -> Token[Workflow | None]:
    """Let no block be open in this context, as in task bodies; undo with ``reopen_workflows``."""
    return _OPEN.set(None)


def reopen_workflows(token: Token[Workflow | None]) -> None:
    """Undo ``close_workflows``."""
    _OPEN.reset(token)


class Workflow:
    """A named graph of tasks. Made by ``workflow(name)``.

    Args:
        name: what runs of it are listed under.
        store: where its runs are kept; a store, a URL or a path. None for the default.
        version: declared version, recorded with each run.
    """

    def __init__(self, name: str, store: Any = None, version: str | None = None) -> None:
        self.name = check_id(name)
        self.store = store
        self.version = None if version is None else str(version)
        self.file = _caller_file()
        self.defined: dict[Task[Any], None] = {}
        self.linked: dict[Node, None] = {}
        self.edges: dict[tuple[Node, Node], None] = {}
        self._tokens: list[Token[Workflow | None]] = []

    def __enter__(self) -> Workflow:
        self._tokens.append(_OPEN.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _OPEN.reset(self._tokens.pop())

    def define(self, task: Task[Any]) -> None:
        """Take note of a task that was defined inside the block; it is not linked by that."""
        self.defined.setdefault(task)

    def add(self, *items: Linkable) -> Workflow:
        """Link tasks, groups or chains into the workflow and return it.

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
        """Take a group out again whose members went into a larger one."""
        self.linked.pop(group, None)

    def execute(
        self,
        start: str | Task[Any] | None = None,
        *,
        run_id: str | None = None,
        store: Any = None,
        initial: Mapping[str, Any] | None = None,
        max_steps: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
    ) -> Any:
        """Run the workflow to its end, or go on with the interrupted run of that id, and return the result.

        Args:
            start: the task or group to start from; None for every root.
            run_id: the run's id; one is made when left out. A finished run is not run again.
            store: a store, a URL or a path; None for the workflow's own or the default.
            initial: first values of the channel.
            max_steps: how many attempts the run may start.
            checkpoint_dir: a folder; the same as a SQLite store in it.

        Returns:
            The value of the one last task (of a group: ``{member: value}``), or ``{id: value}`` when
            the graph has several ends.

        Raises:
            DefinitionError: the workflow cannot run as it is written.
            TaskFailed, ParallelGroupError: the run failed; the message names the command that resumes it.
            RunCancelled: the run was cancelled.
            RunConflict: the run exists with another workflow or input.
            RunAlreadyDriven: somebody else drives it now.
            DivergenceError: the code differs, before the frontier, from what the run recorded.
        """
        with self.start(
            start, run_id=run_id, store=store, initial=initial, max_steps=max_steps, checkpoint_dir=checkpoint_dir
        ) as run:
            return run.result()

    def start(
        self,
        start: str | Task[Any] | None = None,
        *,
        run_id: str | None = None,
        store: Any = None,
        initial: Mapping[str, Any] | None = None,
        max_steps: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
    ) -> Run:
        """Run the workflow to its end like ``execute``, but return the run instead of its result.

        A failed run does not raise here: look at ``run.status``, or ask for ``run.result()``.
        """
        from durable.run import start_run

        return start_run(
            self,
            start=start if start is None or isinstance(start, str) else start.task_id,
            run_id=run_id,
            store=self._store(store, checkpoint_dir),
            initial=initial,
            max_steps=max_steps,
        )

    def resume(
        self,
        run_id: str | None = None,
        *,
        store: Any = None,
        policy: Any = None,
        accept_changes: bool = False,
        actor: str | None = None,
        reason: str | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
    ) -> Any:
        """Go on with an interrupted run, or open a failed one again, and return its result.

        Args:
            run_id: the run; None for the newest run of this workflow that can go on.
            store, checkpoint_dir: as for ``execute``.
            policy: judge failed groups again by this policy, over the recorded results.
            accept_changes: go on although the code differs before the frontier; recorded.
            actor, reason: who asked and why; recorded.

        Raises:
            As ``execute``; RunNotFound when there is no such run.
        """
        from durable.run import resume_workflow

        with resume_workflow(
            self,
            run_id,
            store=self._store(store, checkpoint_dir),
            policy=policy,
            accept_changes=accept_changes,
            actor=actor,
            reason=reason,
        ) as run:
            return run.result()

    def plan(self, run_id: str, *, store: Any = None, checkpoint_dir: str | os.PathLike[str] | None = None) -> Plan:
        """Say what a resume of the run with this workflow would do, without doing it."""
        from durable.run import open_run

        with open_run(run_id, store=self._store(store, checkpoint_dir)) as run:
            return run.plan(self)

    def to_mermaid(self, run: Run | None = None) -> str:
        """Return the graph as a Mermaid flowchart.

        Args:
            run: colour the nodes by their status in this run.
        """
        from durable.definition.mermaid import flowchart

        return flowchart(self, run)

    def _store(self, store: Any, folder: str | os.PathLike[str] | None) -> Any:
        if store is not None:
            return store
        if folder is not None:
            return os.path.join(os.fspath(folder), "runs.db")
        return self.store

    def __repr__(self) -> str:
        return f"<Workflow {self.name}: {len(self.linked)} linked>"


def workflow(name: str, store: Any = None, version: str | None = None) -> Workflow:
    """Return a new workflow, to be used as ``with workflow("name") as wf:``. See ``Workflow``."""
    return Workflow(name, store=store, version=version)


def _caller_file() -> str | None:
    """The file that calls into durable, so that a resume finds the code again."""
    import sys

    here = os.path.dirname(os.path.dirname(__file__)) + os.sep
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((here, "<")):
        frame = frame.f_back
    return os.path.abspath(frame.f_code.co_filename) if frame is not None else None
