"""Run: the handle on one run, live or read from its store. It must not fold or decide."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from durable.core.events import Event
from durable.core.results import TaskResult
from durable.core.state import RunState
from durable.core.transitions import RUN_ENDS, SUCCEEDED
from durable.definition.blueprint import Blueprint
from durable.engine import lifecycle
from durable.engine.journal import Observer
from durable.engine.load import load
from durable.engine.map_results import MapValues, Results
from durable.engine.messages import CANCEL, SIGNAL, SIGNAL_ID, TERMINATE, body_of, make_message
from durable.engine.outcome import failure, result, results
from durable.engine.run_view import RunView
from durable.engine.shutdown import GRACE_SECONDS
from durable.errors import DefinitionError, RunNotFound
from durable.runs.host import logged, make_host, recorded_workflow, resume_command
from durable.store import RunInfo, Store, refuse_pruned
from durable.values.payloads import encode

if TYPE_CHECKING:
    from durable.core.plan import Plan
    from durable.core.progress import Progress
    from durable.core.sizes import Sizes
    from durable.runs.asynchronous import Control
    from durable.runs.progress import Meter


class Run:
    """One run of a workflow, live or read from its store.

    Close it, or use it in a ``with`` block, to close the store.

    Args:
        owned: whether the store is closed with the run.

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
        self._lent = False
        self._view: RunView | None = None
        self._causes: Mapping[int, BaseException] = {}
        self._meter: Meter | None = None

    @property
    def info(self) -> RunInfo:
        """The run as the store lists it. Raises ``RunNotFound`` when it is gone."""
        info = self.store.run(self.run_id)
        if info is None:
            raise RunNotFound(f"there is no run {self.run_id!r}", hint=f"See durable runs --store {self.store.url}")
        return info

    @property
    def status(self) -> str:
        """One of ``running``, ``interrupted``, ``suspended``, ``succeeded``, ``failed`` and ``cancelled``."""
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
            RunInterrupted, RunSuspended: the run has not ended.
            RunCancelled, TaskFailed, ParallelGroupError, StepLimitExceeded, DeadlineExceeded: it did not succeed.
        """
        view = self.view()
        if view.state.status == SUCCEEDED:
            found = result(view.state, view)
            if view.state.graph.expansions:
                self._lend(found)
            return found
        raise failure(view.state, view, self._causes, self.resume_command())

    @property
    def results(self) -> dict[str, Any]:
        """The values of all tasks that have succeeded so far, by id, in definition order."""
        view = self.view()
        found = results(view.state, view)
        if view.state.graph.expansions:
            self._lend(found)
        return found

    def _lend(self, found: Any) -> None:
        """Keep the store open as long as values of maps live, which are read from it when they are asked for."""
        if isinstance(found, MapValues):
            found.keeper = self
            self._lent = True
        for value in found.values() if type(found) is dict else ():
            if isinstance(value, (MapValues, dict)):
                self._lend(value)

    def task_results(self, group_id: str) -> Mapping[str, TaskResult]:
        """Return the TaskResult of each member of a group by its short id; of a map, each when it is asked for.

        Args:
            group_id: the group or map.

        Raises:
            DefinitionError: it is a task, or there is nothing of that id.
        """
        view = self.view()
        graph = view.state.graph
        node = graph.number(group_id)
        if not graph.is_group(node):
            raise DefinitionError(f"{group_id!r} is a task, not a group", run_id=self.run_id)
        if node in graph.expansions.by_group:
            return Results(view, graph.expansions.by_group[node], self)
        found = {graph.name(line[-1]): view.task_result(line) for line in graph.members[node]}
        for member in found.values():
            member.keeper = self  # values are loaded when they are asked for: the store stays open until then
        return found

    def events(self, after: int = 0) -> Iterator[Event]:
        """Yield the run's events in order, those with ``seq > after``.

        Args:
            after: a sequence number; 0 for all events.
        """
        yield from self.store.read(self.run_id, after)  # holds on to this run, and so keeps the store open

    def progress(self) -> Progress:
        """Return how far the run is, how fast it goes, what failed and what is slow.

        It can be asked for again and again, also while another process drives the run: only what is new in the
        log is read.
        """
        from durable.runs.progress import Meter

        info, view = self.info, self._view
        if self._meter is None:
            self._meter = Meter(self.store, self.run_id)
        return self._meter.read(info, view.state if view is not None and view.state.seq == info.seq else None)

    def sizes(self) -> Sizes:
        """Return what the run takes in its store, in bytes."""
        return self.store.sizes(self.run_id)

    def plan(self, workflow: Blueprint | None = None) -> Plan:
        """Say what a resume would do with each task, without doing or importing anything.

        Args:
            workflow: compare with this workflow; without it, the recorded functions are compared with
                the source files as they are now, and wiring is not compared.
        """
        from durable.core.divergence import compare
        from durable.core.plan import make_plan
        from durable.definition.static_divergence import RecordedErrors, static_divergence

        state, info = self.load_state(), self.info
        workflow = workflow or self.workflow
        if workflow is not None:
            divergence, gone = compare(state, lifecycle.compile_for(state, workflow).definition), set[str]()
        else:
            divergence, gone = static_divergence(state)
        now, inbox = self.store.clock.now(), self.store.inbox(self.run_id)
        for message in inbox if info.status not in RUN_ENDS.values() else ():
            if message.kind in (CANCEL, TERMINATE):
                divergence.reported.insert(0, f"a {message.kind} was sent: a resume records it first, and runs nothing")
        return make_plan(
            state,
            info.shown_status,
            divergence,
            gone=gone,
            driven=info.driven,
            errors=RecordedErrors(state, self.store),
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
        """Continue the run to its end and return it; like ``Workflow.resume``, but never raises its failure.

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
        workflow = workflow or self.workflow or recorded_workflow(self.store, info)
        self.workflow = workflow
        asked = {"actor": actor, "reason": reason}
        with logged(self.store, observers) as told:
            host = make_host(self.store, told, grace, wait, _control)
            ended = lifecycle.resume(host, self.run_id, workflow, policy=policy, accept=accept_changes, asked=asked)
        return self.took(ended)

    def cancel(self, reason: str | None = None, actor: str | None = None) -> bool:
        """Cancel the run for good: at once, or by the process that drives it when it reads its inbox.

        Args:
            reason: why; recorded.
            actor: who asks; recorded.

        Returns:
            False when the run has already ended.
        """
        from durable.engine.early_end import end_early

        return end_early(self.store, self.run_id, CANCEL, {"actor": actor, "reason": reason})

    def terminate(self, result: Any = None, reason: str | None = None, actor: str | None = None) -> bool:
        """End the run with success and this result: at once, or by the process that drives it when it reads its inbox.

        Args:
            result: the run's result.
            reason: why; recorded.
            actor: who asks; recorded.

        Returns:
            False when the run has already ended.
        """
        asked = {"actor": actor, "reason": reason}
        from durable.engine.early_end import end_early

        return end_early(self.store, self.run_id, TERMINATE, asked, encode(result))

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
            SIGNAL_ID + (id or os.urandom(8).hex()), SIGNAL, self.store.clock.now(), name=name, payload=encode(value),
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
            The new run, interrupted: ``resume`` continues it.
        """
        from durable.runs.forks import fork_run

        name = fork_run(
            self.store, self.run_id, seq, from_tasks=from_task, new_run_id=run_id, actor=actor, reason=reason
        )
        fork = Run(self.store, name)
        fork._kept = self  # it may be all that keeps the store open
        fork.workflow = self.workflow
        return fork

    def resume_command(self) -> str:
        """The command that resumes this run."""
        return resume_command(self.store, self.run_id)

    def close(self) -> None:
        """Close the store, if the run opened it."""
        if self._let_go is not None:
            self._let_go()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._lent:
            self.close()

    def __repr__(self) -> str:
        return f"<Run {self.run_id}>"

    def took(self, ended: lifecycle.Ended) -> Run:
        """Cache what a drive of the run has left; for those who drive it.

        Args:
            ended: what the drive has left.
        """
        if ended.view is not None:
            self._view, self._causes = ended.view, ended.causes
        return self
