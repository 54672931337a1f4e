"""Workflow: the blueprint that can be run, resumed and planned. Where definition and engine meet the user.

The engine is imported when a run begins: a process that only defines workflows does not pay for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from durable.definition.blueprint import Blueprint
from durable.definition.task import Task

if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from durable.core.plan import Plan
    from durable.core.results import TaskResult
    from durable.definition.expressions import ParallelGroup
    from durable.runs.asynchronous import Control
    from durable.runs.start import Run

    class StartOptions(TypedDict, total=False):
        """Options of ``Workflow.execute`` and ``Workflow.start``."""

        run_id: str | None
        store: Any
        initial: Mapping[str, Any] | None
        max_steps: int | None
        deadline: float | None
        checkpoint_dir: str | os.PathLike[str] | None

    class ResumeOptions(TypedDict, total=False):
        """Options of ``Workflow.resume``."""

        store: Any
        policy: Any
        accept_changes: bool
        actor: str | None
        reason: str | None
        checkpoint_dir: str | os.PathLike[str] | None


class Workflow(Blueprint):
    """A named graph of tasks. Made by ``workflow(name)``.

    Args:
        name: what runs of it are listed under.
        store: where its runs are kept; a store, a URL or a path. None for the default.
        version: declared version, recorded with each run.
    """

    def execute(
        self,
        start: str | Task[Any] | None = None,
        *,
        run_id: str | None = None,
        store: Any = None,
        initial: Mapping[str, Any] | None = None,
        max_steps: int | None = None,
        deadline: float | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
    ) -> Any:
        """Run the workflow to its end, or resume the interrupted run of that id, and return the result.

        Args:
            start: the task or group to start from; None for every root.
            run_id: the run's id; one is made when left out. A finished run is not run again.
            store: a store, a URL or a path; None for the workflow's own or the default.
            initial: first values of the channel.
            max_steps: how many attempts the run may start.
            deadline: seconds, by the wall clock, that the run may take, from its creation or its last reopening.
            checkpoint_dir: a folder; the same as a SQLite store in it.

        Returns:
            The value of the one last task (of a group: ``{member: value}``), or ``{id: value}`` when
            the graph has several ends.

        Raises:
            DefinitionError: the workflow cannot run as it is written.
            TaskFailed, ParallelGroupError: the run failed; the message names the command that resumes it.
            RunCancelled: the run was cancelled.
            RunSuspended: the run waits for a person, a signal or a timer.
            RunConflict: the run exists with another workflow or input.
            RunAlreadyDriven: somebody else drives it now.
            DivergenceError: the code differs, before the frontier, from what the run recorded.
        """
        with self.start(
            start,
            run_id=run_id,
            store=store,
            initial=initial,
            max_steps=max_steps,
            deadline=deadline,
            checkpoint_dir=checkpoint_dir,
        ) as run:
            return run.result()

    async def aexecute(self, start: str | Task[Any] | None = None, **options: Unpack[StartOptions]) -> Any:
        """Do what ``execute`` does without blocking the event loop: coroutine bodies run on it.

        When the caller is cancelled, the run is cancelled and recorded so. SIGINT and SIGTERM interrupt it.

        Args:
            start, **options: as for ``execute``: ``run_id``, ``store``, ``initial``, ``max_steps``,
                ``deadline`` (seconds), ``checkpoint_dir``.

        Raises:
            As ``execute``; asyncio.CancelledError when the caller was cancelled.
        """
        from durable.runs.asynchronous import execute_in_thread

        return await execute_in_thread(lambda control: self.start(start, _control=control, **options))

    async def astart(self, start: str | Task[Any] | None = None, **options: Unpack[StartOptions]) -> Run:
        """Do what ``start`` does without blocking the event loop. See ``aexecute``.

        Args:
            start, **options: as for ``aexecute``.
        """
        from durable.runs.asynchronous import start_in_thread

        return await start_in_thread(lambda control: self.start(start, _control=control, **options))

    def start(
        self,
        start: str | Task[Any] | None = None,
        *,
        run_id: str | None = None,
        store: Any = None,
        initial: Mapping[str, Any] | None = None,
        max_steps: int | None = None,
        deadline: float | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        _control: Control | None = None,
    ) -> Run:
        """Run the workflow to its end like ``execute``, but return the run instead of its result.

        A failed run does not raise here: look at ``run.status``, or ask for ``run.result()``.

        Args:
            start, run_id, store, initial, max_steps, deadline, checkpoint_dir: as for ``execute``.
        """
        from durable.runs.start import start_run

        return start_run(
            self,
            start=start if start is None or isinstance(start, str) else start.task_id,
            run_id=run_id,
            store=self._store(store, checkpoint_dir),
            initial=initial,
            max_steps=max_steps,
            deadline=deadline,
            control=_control,
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
        """Resume an interrupted run, or reopen a failed one, and return its result.

        Args:
            run_id: the run; None for the newest run of this workflow that can go on.
            store, checkpoint_dir: as for ``execute``.
            policy: judge failed groups again by this policy, over the recorded results.
            accept_changes: go on although the code differs before the frontier; recorded.
            actor, reason: who asked and why; recorded.

        Raises:
            As ``execute``; RunNotFound when there is no such run.
        """
        from durable.runs.start import resume_workflow

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

    async def aresume(self, run_id: str | None = None, **options: Unpack[ResumeOptions]) -> Any:
        """Do what ``resume`` does without blocking the event loop: coroutine bodies run on it. See ``aexecute``.

        Args:
            run_id, **options: as for ``resume``: ``store``, ``policy``, ``accept_changes``, ``actor``,
                ``reason``, ``checkpoint_dir``.
        """
        from durable.runs.asynchronous import execute_in_thread
        from durable.runs.start import resume_workflow

        given: dict[str, Any] = dict(options)
        store = self._store(given.pop("store", None), given.pop("checkpoint_dir", None))
        return await execute_in_thread(
            lambda control: resume_workflow(self, run_id, store=store, _control=control, **given)
        )

    def plan(self, run_id: str, *, store: Any = None, checkpoint_dir: str | os.PathLike[str] | None = None) -> Plan:
        """Say what a resume of the run with this workflow would do, without doing it.

        Args:
            run_id: the run.
            store: as for ``execute``.
            checkpoint_dir: as for ``execute``.
        """
        from durable.runs.start import open_run

        with open_run(run_id, store=self._store(store, checkpoint_dir)) as run:
            return run.plan(self)

    def to_mermaid(self, run: Run | None = None) -> str:
        """Return the graph as a Mermaid flowchart.

        Args:
            run: colour the nodes by their status in this run.
        """
        from durable.definition.compile import Compiled
        from durable.definition.mermaid import draw

        if run is not None:
            state = run.load_state()
            return draw(state.graph, state)
        return draw(Compiled(self).graph)

    def _store(self, store: Any, folder: str | os.PathLike[str] | None) -> Any:
        if store is not None:
            return store
        if folder is not None:
            return os.path.join(os.fspath(folder), "runs.db")
        return self.store


def workflow(name: str, store: Any = None, version: str | None = None) -> Workflow:
    """Return a new workflow, to be used as ``with workflow("name") as wf:``. See ``Workflow``.

    Args:
        name: the workflow's name.
        store: where its runs are recorded; None for the default store.
        version: the declared version.
    """
    return Workflow(name, store=store, version=version)


def run_group(group: ParallelGroup, **options: Any) -> dict[str, TaskResult]:
    """Run a group on its own; see ``ParallelGroup.run``."""
    made = Workflow(group.task_id)
    made.add(group)
    with made.start(**options) as run:
        run.result()
        found = dict(run.task_results(group.task_id))
        for result in found.values():
            result.load()  # the store may be closed after this
        return found
