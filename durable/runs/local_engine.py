"""LocalExecutionEngine: runs class definitions from inside an event loop, as a web handler would.

It holds nothing of a run between calls: everything is in the store, so that any process can continue it.
It must not fold, decide or judge.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from durable.definition.questions import decode_request
from durable.engine.load import load
from durable.errors import FeedbackRefused, RunAlreadyDriven
from durable.human.answers import send_answer
from durable.human.open_questions import OpenRequest, waiting
from durable.runs.asynchronous import start_in_thread
from durable.runs.instances import PendingTask, WorkflowInstance, instance, pending_task
from durable.runs.start import Run, open_run, start_run
from durable.store import Store, opened_store
from durable.values.payloads import decode

if TYPE_CHECKING:
    from durable.definition.registry import WorkflowRegistry
    from durable.definition.workflow_definition import WorkflowDefinition
    from durable.runs.asynchronous import Control

_LOOK_AGAIN = 0.05
"""Seconds between two looks at a run that somebody else drives."""


class LocalExecutionEngine:
    """Starts runs of registered definitions in this process and continues them.

    Every call awaits its run until it ends or is suspended, and never blocks the event loop: the driver has a
    thread of its own, ``async def`` steps run on the caller's loop. When the caller is cancelled, the run that
    it drives is cancelled.

    Args:
        registry: the definitions.
        store: a store, a URL or a path; None for the default store. What is opened here is closed by ``close``.
    """

    def __init__(self, registry: WorkflowRegistry, store: Any = None) -> None:
        self.registry = registry
        self._where = store
        self._store: Store | None = None
        self._owned = False
        self._lock = threading.Lock()

    async def start_workflow(
        self,
        name: str,
        initial_data: Mapping[str, Any] | None = None,
        *,
        version: str | None = None,
        run_id: str | None = None,
    ) -> WorkflowInstance:
        """Start a run, or resume the interrupted run of that id.

        Args:
            name: the definition's name.
            initial_data: first values of the channel.
            version: the definition's version; None for the newest, or for that of a run which exists.
            run_id: the run's id; one is made when left out.

        Raises:
            DefinitionError: no such definition is registered.
            RunConflict: the run exists with another workflow or input.
            RunAlreadyDriven: somebody else drives it now.
        """
        definition = self.registry.get(name, version)

        def begin(control: Control) -> Run:
            store, live = self._opened(), definition
            if version is None and run_id is not None and store.run(run_id) is not None:
                live = self._definition(store, run_id)
            return start_run(live.workflow, run_id=run_id, store=store, initial=initial_data, control=control)

        run = await start_in_thread(begin)
        return await asyncio.to_thread(instance, run)

    async def complete_human_task(self, run_id: str, step: str, data: Any, user: str | None = None) -> WorkflowInstance:
        """Answer a human step, and continue the run.

        Args:
            run_id: the run.
            step: the step's name, or the id of its question.
            data: the form.
            user: who answers; recorded.

        Raises:
            FeedbackRefused: the form does not fit, or the step does not wait (any more); it can be answered again.
            RunNotFound: there is no such run.
        """
        await asyncio.to_thread(self._answer, run_id, step, data, user)
        return await self._go_on(run_id, user)

    async def resume(self, run_id: str, *, user: str | None = None) -> WorkflowInstance:
        """Continue a run: one that was interrupted, that can be woken, or that failed and is reopened.

        Args:
            run_id: the run.
            user: who asked; recorded.

        Raises:
            RunNotFound: there is no such run.
            DefinitionError: its definition is not registered in its version.
            RunAlreadyDriven: somebody else drives it now.
        """

        def begin(control: Control) -> Run:
            store = self._opened()
            run = open_run(run_id, store)
            return run.resume(self._definition(store, run_id).workflow, actor=user, _control=control)

        run = await start_in_thread(begin)
        return await asyncio.to_thread(instance, run)

    async def cancel(self, run_id: str, reason: str | None = None, user: str | None = None) -> WorkflowInstance:
        """Cancel a run for good: at once when no process drives it, else as soon as its driver reads its inbox.

        Args:
            run_id: the run.
            reason, user: why, and who asked; recorded.

        Raises:
            RunNotFound: there is no such run.
        """

        def cancel() -> WorkflowInstance:
            run = open_run(run_id, self._opened())
            run.cancel(reason, actor=user)
            return instance(run)

        return await asyncio.to_thread(cancel)

    async def get_run(self, run_id: str) -> WorkflowInstance:
        """Return a run as it is now. Raises ``RunNotFound``.

        Args:
            run_id: the run.
        """
        return await asyncio.to_thread(lambda: instance(open_run(run_id, self._opened())))

    async def pending_tasks(self, run_id: str | None = None) -> list[PendingTask]:
        """Return the human steps that can be completed now, run by run, the newest run first.

        Args:
            run_id: only those of this run.

        Raises:
            RunNotFound: there is no such run.
        """
        return await asyncio.to_thread(lambda: [pending_task(one) for one in self._questions(run_id)])

    def close(self) -> None:
        """Close the store, if it was opened here."""
        with self._lock:
            if self._store is not None and self._owned:
                self._store.close()
            self._store = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    # On threads.

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store, self._owned = opened_store(self._where)
            return self._store

    def _definition(self, store: Store, run_id: str) -> WorkflowDefinition:
        """The definition that a run was begun with."""
        info = open_run(run_id, store).info
        return self.registry.find(info.workflow, store.event(run_id, 1).fields.get("version"))

    def _questions(self, run_id: str | None) -> list[OpenRequest]:
        found = [one.question for one in waiting(self._opened(), run_id)]
        return [one for one in found if one is not None and one.request.form_step is not None and _is_open(one)]

    def _answer(self, run_id: str, step: str, data: Any, user: str | None) -> None:
        store = self._opened()
        name = self._request_id(store, run_id, step)
        if name != step and _was_sent_before(store, run_id, step, data, user):
            raise FeedbackRefused(
                f"step {step!r}: the same answer was given to it before, and it asks again now",
                run_id=run_id,
                hint=f"If it is meant for the new question, name that: {name!r}",
            )
        send_answer(store, run_id, name, data, actor=user)

    def _request_id(self, store: Store, run_id: str, step: str) -> str:
        """The question that a step, or a question's own id, means; an open one comes first."""
        found = self._questions(run_id)
        named = [one.request_id for one in found if step in (one.request.form_step, one.request_id)]
        if step in named or (not named and step in load(store, run_id).requests):
            return step
        if len(named) == 1:
            return named[0]
        said = f"{len(named)} questions of that name are open" if named else "it does not wait for an answer"
        waits = ", ".join(repr(one) for one in named or [one.request_id for one in found]) or "nothing"
        raise FeedbackRefused(f"step {step!r}: {said}", run_id=run_id, hint=f"Open are: {waits}")

    async def _go_on(self, run_id: str, user: str | None) -> WorkflowInstance:
        """Continue a run; one that another process drives takes its answers itself, and is waited for."""
        while True:
            found = await self.get_run(run_id)
            if found.status not in ("running", "suspended", "interrupted"):
                return found
            try:
                return await self.resume(run_id, user=user)
            except RunAlreadyDriven:
                await asyncio.sleep(_LOOK_AGAIN)


def _was_sent_before(store: Store, run_id: str, step: str, data: Any, user: str | None) -> bool:
    """Whether an earlier round of the step was answered so by the same person: then this may be sent twice."""
    for _, _, asked, answered in load(store, run_id).requests.values():
        if not answered:
            continue
        question, answer = store.event(run_id, asked), store.event(run_id, answered)
        if decode_request(question.encoding, question.payload).form_step != step:
            continue
        if answer.fields.get("actor") == user and decode(answer.encoding, answer.payload) == data:
            return True
    return False


def _is_open(question: OpenRequest) -> bool:
    return not question.answered and not question.expired
