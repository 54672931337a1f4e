"""FeedbackManager: questions, answers and what is open, as one object to pass around.

Asking is the context's work, answering that of ``answers``; it must not do either itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from durable.core.transitions import RUN_ENDS
from durable.definition.question_types import FeedbackType
from durable.errors import DefinitionError, FeedbackRefused
from durable.human.answers import open_requests, send_answer, waiting
from durable.human.open_questions import OpenRequest
from durable.store import Store, opened_store

if TYPE_CHECKING:
    from durable.context import TaskExecutionContext


class FeedbackManager:
    """DurableCalls people from within tasks, and answers from outside.

    Args:
        store: a store, a URL or a path, for answers and lists; None for the default store.
    """

    def __init__(self, store: Any = None) -> None:
        self.store = store

    def request_feedback(
        self,
        request_id: str | None = None,
        feedback_type: FeedbackType | str = FeedbackType.APPROVAL,
        message: str = "",
        options: Sequence[str] | None = None,
        timeout: float | None = None,
        channel_key: str | None = None,
        expires_in: float | None = None,
        form_schema: Any = None,
        title: str | None = None,
        execution_context: TaskExecutionContext | None = None,
    ) -> Any:
        """Ask a person from within a task's body; see ``TaskExecutionContext.request_feedback``.

        Args:
            request_id, feedback_type, message, options, timeout, channel_key, expires_in, form_schema, title: as
                for ``TaskExecutionContext.request_feedback``.
            execution_context: the task's context; None for that of the body that runs here.

        Returns:
            A ``FeedbackResponse``; in coroutine bodies an awaitable of it.

        Raises:
            DefinitionError: no body runs here, or a question that cannot be asked.
        """
        if execution_context is None:
            from durable.context import current_context

            execution_context = current_context()
        if execution_context is None:
            raise DefinitionError("request_feedback is for bodies of tasks, and none runs here")
        return execution_context.request_feedback(
            message,
            feedback_type=feedback_type,
            options=options,
            request_id=request_id,
            timeout=timeout,
            expires_in=expires_in,
            channel_key=channel_key,
            form_schema=form_schema,
            title=title,
        )

    def provide_feedback(
        self,
        request_id: str,
        value: Any = None,
        *,
        run_id: str | None = None,
        approved: bool | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Answer a question; see ``send_answer``.

        Args:
            request_id: the question.
            value: the answer, unless ``approved`` is given.
            approved: whether it is approved; for approvals, instead of ``value``.
            run_id: the run that asked; None looks for it.
            actor, reason: who answers and why; recorded.

        Returns:
            False when the same answer was given before.

        Raises:
            FeedbackRefused: no run, or several, have asked it; or as for ``send_answer``.
            RunNotFound: there is no such run.
        """
        if (value is None) == (approved is None):
            said = "no answer was given" if value is None else "two answers were given"
            raise FeedbackRefused(f"{said} to question {request_id!r}", hint="Give value=, or approved=")
        with self._opened() as store:
            found = run_id if run_id is not None else _asking(store, request_id)
            answer = value if approved is None else approved
            return send_answer(store, found, request_id, answer, actor=actor, reason=reason)

    def list_pending(self, run_id: str | None = None) -> list[OpenRequest]:
        """Return the questions that can be answered now, run by run.

        Args:
            run_id: only those of this run.

        Raises:
            RunNotFound: there is no such run.
        """
        with self._opened() as store:
            found = [item.question for item in waiting(store, run_id)]
        return [item for item in found if item is not None and not item.answered and not item.expired]

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        store, owned = opened_store(self.store)
        try:
            yield store
        finally:
            if owned:
                store.close()


def _asking(store: Store, request_id: str) -> str:
    """The run that has the question open; else the one that has ever asked it, to say what became of it."""
    from durable.engine.load import load

    open_in, asked_in = [], []
    for info in store.runs():
        if info.status not in RUN_ENDS.values():
            state = load(store, info.run_id)
            if request_id in state.requests:
                asked_in.append(info.run_id)
                open_in += [info.run_id for item in open_requests(state, store) if item.request_id == request_id]
    found = open_in or asked_in
    if len(found) == 1:
        return found[0]
    if found:
        raise FeedbackRefused(
            f"{len(found)} runs have asked a question {request_id!r}: {', '.join(found)}", hint="Name one: run_id="
        )
    raise FeedbackRefused(f"no run waits for an answer to a question {request_id!r}", hint="See durable waiting")
