"""Run: the handle on one run; and the functions that start, continue, resume and list runs.

Here the parts are put together: definition, engine, executor and store. It must not fold or decide.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shlex
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from durable.context.staged import check_key
from durable.core.divergence import compare
from durable.core.events import Event
from durable.core.plan import Plan, make_plan
from durable.core.results import TaskResult
from durable.core.sizes import Sizes
from durable.core.state import RunState
from durable.core.transitions import RUN_ENDS, SUCCEEDED
from durable.definition.blueprint import Blueprint
from durable.definition.checks import check_seconds
from durable.engine import lifecycle
from durable.engine.journal import Observer
from durable.engine.outcome import failure, result, results
from durable.engine.recover import load
from durable.engine.stop import GRACE_SECONDS
from durable.engine.view import RunView
from durable.errors import DefinitionError, RunNotFound
from durable.executor import LoopExecutor
from durable.executors.threads import ThreadExecutor
from durable.messages import CANCEL, SIGNAL, SIGNAL_ID, TERMINATE, body_of, make_message
from durable.payloads import encode
from durable.store import RunInfo, Store, check_run_id, default_url, open_store, refuse_pruned

if TYPE_CHECKING:
    from durable.asynchronous import Control

_log = logging.getLogger("durable")


class Run:
    """One run of a workflow, live or read from its store.

    Close it, or use it in a ``with`` block, to let go of the store.

    Attributes:
        run_id: the run's id.
        store: where its log is.
    """

    def __init__(self, store: Store, run_id: str, *, owned: bool = False) -> None:
        self.store = store
        self.run_id = run_id
        self.workflow: Blueprint | None = None
        self._let_go = weakref.finalize(self, store.close) if owned else None
        self._kept: Run | None = None
        self._view: RunView | None = None
        self._causes: Mapping[int, BaseException] = {}

    @property
    def info(self) -> RunInfo:
        """The run as the store lists it. Raises ``RunNotFound`` when it is gone."""
        info = self.store.run(self.run_id)
        if info is None:
            raise RunNotFound(f"there is no run {self.run_id!r}", hint=f"See durable runs --store {self.store.url}")
        return info

    @property
    def status(self) -> str:
        """``running``, ``interrupted``, ``succeeded``, ``failed`` or ``cancelled``."""
        return self.info.shown_status

    def load_state(self) -> RunState:
        """Return the folded state, read anew when the log has grown."""
        return self.view().state

    def view(self) -> RunView:
        """Return what can be read of the run now."""
        if self._view is None or self._view.state.seq != self.info.seq:
            self._view = RunView(self.store, load(self.store, self.run_id))
        return self._view

    def result(self) -> Any:
        """Return the result, as ``Workflow.execute`` does, or raise what it raises.

        Raises:
            RunInterrupted: the run has not ended.
        """
        view = self.view()
        if view.state.status == SUCCEEDED:
            return result(view.state, view)
        raise failure(view.state, view, self._causes, self.resume_command())

    @property
    def results(self) -> dict[str, Any]:
        """The values of all tasks that have succeeded so far, by id, in definition order."""
        view = self.view()
        return results(view.state, view)

    def task_results(self, group_id: str) -> dict[str, TaskResult]:
        """Return the TaskResult of each member of a group, by the member's short id."""
        view = self.view()
        graph = view.state.graph
        node = graph.number(group_id)
        if not graph.is_group(node):
            raise DefinitionError(f"{group_id!r} is a task, not a group", run_id=self.run_id)
        found = {graph.name(line[-1]): view.task_result(line) for line in graph.members[node]}
        for member in found.values():
            member.keeper = self  # values are loaded when they are asked for: the store stays open until then
        return found

    def events(self, after: int = 0) -> Iterator[Event]:
        """Yield the run's events in order, those with ``seq > after``."""
        yield from self.store.read(self.run_id, after)  # holds on to this run, and so keeps the store open

    def sizes(self) -> Sizes:
        """Return what the run takes in its store, in bytes."""
        return self.store.sizes(self.run_id)

    def plan(self, workflow: Blueprint | None = None) -> Plan:
        """Say what a resume would do with each task, without doing or importing anything.

        Args:
            workflow: compare with this workflow; without it, the recorded functions are compared with
                the source files as they are now, and wiring is not compared.
        """
        from durable.definition.inspection import errors_of, static_divergence

        state, info = self.load_state(), self.info
        workflow = workflow or self.workflow
        if workflow is not None:
            divergence, gone = compare(state, lifecycle.compile_for(state, workflow).definition), set[str]()
        else:
            divergence, gone = static_divergence(state)
        errors = errors_of(state, self.store)
        now, inbox = self.store.clock.now(), self.store.inbox(self.run_id)
        for message in inbox if info.status not in RUN_ENDS.values() else ():
            if message.kind in (CANCEL, TERMINATE):
                divergence.reported.insert(0, f"a {message.kind} was sent: it is recorded first, and nothing runs")
        return make_plan(
            state,
            info.shown_status,
            divergence,
            gone=gone,
            driven=info.driven,
            errors=errors,
            sent={(message.kind, body_of(message).name) for message in inbox},
            now=now,
        )

    def resume(
        self,
        workflow: Blueprint | None = None,
        *,
        policy: Any = None,
        accept_changes: bool = False,
        actor: str | None = None,
        reason: str | None = None,
        observers: Iterable[Observer] = (),
        grace: float = GRACE_SECONDS,
        wait: bool = False,
        _control: Control | None = None,
    ) -> Run:
        """Go on with the run to its end and return it; like ``Workflow.resume``, but never raises its failure.

        Args:
            workflow: the live workflow; None imports the file that the run recorded.
            policy, accept_changes, actor, reason: as for ``Workflow.resume``.
            observers: called on the driver after each commit with ``(state, events)``.
            grace: seconds that running bodies get when SIGINT or SIGTERM asks to stop.
            wait: wait for whatever the run waits for instead of suspending it.
        """
        info = self.info
        if workflow is not None:
            lifecycle.check_workflow(info, workflow)
        refuse_pruned(info)
        if info.status in ("succeeded", "cancelled") and policy is None:
            return self
        workflow = workflow or self.workflow or self._load_workflow(info)
        self.workflow = workflow
        asked = {"actor": actor, "reason": reason}
        host = _host(self.store, observers, grace, wait, _control)
        return self._took(
            lifecycle.resume(host, self.run_id, workflow, policy=policy, accept=accept_changes, asked=asked)
        )

    def cancel(self, reason: str | None = None, actor: str | None = None) -> bool:
        """Cancel the run for good: at once when nobody drives it, else as soon as its driver looks.

        Returns:
            False when the run has already ended.
        """
        return lifecycle.end(self.store, self.run_id, CANCEL, {"actor": actor, "reason": reason})

    def terminate(self, result: Any = None, reason: str | None = None, actor: str | None = None) -> bool:
        """End the run with success and this result: at once when nobody drives it, else as soon as its driver looks.

        Returns:
            False when the run has already ended.
        """
        asked = {"actor": actor, "reason": reason}
        return lifecycle.end(self.store, self.run_id, TERMINATE, asked, encode(result))

    def signal(
        self,
        name: str,
        value: Any = None,
        *,
        id: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Send the run a signal; it is kept until a task waits for it.

        Args:
            name: the signal.
            value: what it carries.
            id: chosen by the sender; a second signal with the same id counts once.
            actor, reason: who sent it and why; recorded.

        Returns:
            False when a signal with that id was sent before.
        """
        message = make_message(
            SIGNAL_ID + (id or secrets.token_hex(8)), SIGNAL, self.store.clock.now(), name=name, payload=encode(value),
            actor=actor, reason=reason,
        )  # fmt: skip
        return self.store.send(self.run_id, message)

    def answer(
        self, request_id: str | None = None, value: Any = None, *, actor: str | None = None, reason: str | None = None
    ) -> bool:
        """Answer a question of the run; the answer is kept until a driver takes it.

        Args:
            request_id: the question; may be left out when only one is open.
            value: the answer.
            actor, reason: who answered and why; recorded.

        Returns:
            False when the same answer was given before.

        Raises:
            FeedbackRefused: it does not fit the question, or another answer was given before.
        """
        from durable.human.answers import send_answer

        return send_answer(self.store, self.run_id, request_id, value, actor=actor, reason=reason)

    def fork(
        self,
        seq: int | None = None,
        *,
        from_task: str | Iterable[str] = (),
        run_id: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Run:
        """Begin a new run that shares this one's past, and return it; this one is not touched.

        Args:
            seq: share the events up to this one, rounded down to the end of a commit; None for all of them.
            from_task: one or more tasks to be done again, with everything downstream of them.
            run_id: the new run's id; one is made when left out.
            actor, reason: who asked and why; recorded.

        Returns:
            The new run, interrupted: ``resume`` goes on with it.
        """
        from durable.forks import fork_run

        name = fork_run(
            self.store, self.run_id, seq, from_tasks=from_task, new_run_id=run_id, actor=actor, reason=reason
        )
        fork = Run(self.store, name)
        fork._kept = self  # it may be all that keeps the store open
        fork.workflow = self.workflow
        return fork

    def resume_command(self) -> str:
        """The command that resumes this run."""
        if self.store.url.startswith("memory:"):
            return f"wf.resume({self.run_id!r}, store=...)"
        store = "" if self.store.url == _normal(default_url()) else f" --store {shlex.quote(self.store.url)}"
        return f"durable resume {shlex.quote(self.run_id)}{store}"

    def close(self) -> None:
        """Let go of the store, if the run opened it."""
        if self._let_go is not None:
            self._let_go()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Run {self.run_id}>"

    def _took(self, ended: lifecycle.Ended) -> Run:
        if ended.view is not None:
            self._view, self._causes = ended.view, ended.causes
        return self

    def _load_workflow(self, info: RunInfo) -> Blueprint:
        from durable.definition.loading import load_workflow

        if info.file is None:
            raise DefinitionError(
                "the run does not say which file defines its workflow",
                run_id=self.run_id,
                hint="Call wf.resume(run_id) instead",
            )
        created = self.store.event(self.run_id, 1).fields
        return load_workflow(info.file, info.workflow, created.get("version"))


def start_run(
    workflow: Blueprint,
    *,
    start: str | None = None,
    run_id: str | None = None,
    store: Any = None,
    initial: Mapping[str, Any] | None = None,
    max_steps: int | None = None,
    deadline: float | None = None,
    observers: Iterable[Observer] = (),
    grace: float = GRACE_SECONDS,
    wait: bool = False,
    control: Control | None = None,
) -> Run:
    """Run a workflow, or go on with its interrupted run of that id, until it has ended. See ``Workflow.start``."""
    if run_id is not None:
        check_run_id(run_id)
    if max_steps is not None and (isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1):
        raise DefinitionError(f"max_steps must be a whole number from 1, not {max_steps!r}")
    for key in initial or ():
        check_key("channel", key)
    check_seconds("deadline", deadline, workflow.name)
    request = lifecycle.Request(workflow, start, dict(initial or {}), max_steps, deadline)
    opened, owned = opened_store(store)
    run = Run(opened, run_id or _new_id(workflow.name, opened), owned=owned)
    run.workflow = workflow
    try:
        return run._took(lifecycle.start(_host(opened, observers, grace, wait, control), run.run_id, request))
    except BaseException:
        run.close()
        raise


def resume_workflow(workflow: Blueprint, run_id: str | None, *, store: Any = None, **options: Any) -> Run:
    """Resume a run with a live workflow. See ``Workflow.resume``."""
    opened, owned = opened_store(store)
    try:
        if run_id is None:
            run_id = _newest_open(opened, workflow.name)
        run = Run(opened, run_id, owned=owned)
        return run.resume(workflow, **options)
    except BaseException:
        if owned:
            opened.close()
        raise


def open_run(run_id: str, store: Any = None) -> Run:
    """Return the handle on a run that exists.

    Args:
        run_id: the run.
        store: a store, a URL or a path; None for the default.

    Raises:
        RunNotFound: there is no such run.
    """
    opened, owned = opened_store(store)
    run = Run(opened, run_id, owned=owned)
    try:
        run.info  # noqa: B018 - raises RunNotFound
    except BaseException:
        run.close()
        raise
    return run


def list_runs(
    status: str | None = None, workflow: str | None = None, store: Any = None, limit: int | None = None
) -> list[RunInfo]:
    """Return runs, newest first.

    Args:
        status: only those whose status is this (``interrupted`` are those that nobody drives).
        workflow: only those of this workflow.
        store: a store, a URL or a path; None for the default.
        limit: at most so many.
    """
    opened, owned = opened_store(store)
    try:
        return list(opened.runs(status=status, workflow=workflow, limit=limit))
    finally:
        if owned:
            opened.close()


def opened_store(store: Any) -> tuple[Store, bool]:
    """Return a store, and whether it was opened here and is to be closed here."""
    if isinstance(store, Store):
        return store, False
    return open_store(store), True


def _host(
    store: Store, observers: Iterable[Observer], grace: float, wait: bool, control: Control | None = None
) -> lifecycle.Host:
    loop = control.executor if control is not None else _new_loop
    on_drive = control.on_drive if control is not None else None
    return lifecycle.Host(store, ThreadExecutor, loop, tuple(observers), grace, wait, on_drive)


def _new_loop() -> LoopExecutor:
    from durable.executors.loop import LoopExecutor  # asyncio costs 70 ms

    return LoopExecutor()


def _newest_open(store: Store, workflow: str) -> str:
    for info in store.runs(workflow=workflow):
        if info.shown_status in ("interrupted", "failed", "suspended") and info.pruned is None:
            return info.run_id
    raise RunNotFound(f"no run of {workflow!r} can be resumed", hint=f"See durable runs --store {store.url}")


def _new_id(workflow: str, store: Store) -> str:
    from datetime import timedelta

    from durable.core.events import EPOCH

    when = EPOCH + timedelta(microseconds=store.clock.now())
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", workflow).strip("-")[:80] or "run"
    return f"{name}-{when:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _normal(url: str) -> str:
    return url if "://" in url else f"sqlite:///{os.fspath(url)}"
