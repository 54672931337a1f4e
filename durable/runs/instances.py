"""What LocalExecutionEngine hands out: a run and its open human steps, as they were when they were looked at.

Plain data: looking at it needs no store, so that an event loop is never blocked by it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from durable.errors import DurableError
from durable.human.open_questions import OpenRequest
from durable.runs.start import Run


class RunContext:
    """The channel of a run as it was when it was looked at, for reading.

    Attributes:
        data: its values by key.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def get(self, key: str, default: Any = None) -> Any:
        """Return a key's value, or the default."""
        return self.data.get(key, default)

    def __repr__(self) -> str:
        return f"RunContext({self.data!r})"


class WorkflowInstance(msgspec.Struct, frozen=True):
    """A run as it was when it was looked at.

    Attributes:
        run_id: the run; workflow, version: of which definition.
        status: ``running``, ``suspended``, ``interrupted``, ``succeeded``, ``failed`` or ``cancelled``.
        context: its channel.
        result: what it returned; None unless it succeeded.
        error: why it did not succeed; None unless it failed or was cancelled.
        waiting: what it waits for, one line each.
    """

    run_id: str
    workflow: str
    version: str | None
    status: str
    context: RunContext
    result: Any = None
    error: DurableError | None = None
    waiting: tuple[str, ...] = ()


class PendingTask(msgspec.Struct, frozen=True):
    """A human step that can be completed now.

    Attributes:
        run_id, step: which step of which run; request_id: its id there, also in further rounds of a loop.
        title, description: what whoever does it is told.
        form_schema: the JSON Schema that the answer must fit; None for any JSON.
        since: when it was asked; expires_at: when nobody can answer any more. Both in UTC.
    """

    run_id: str
    step: str
    request_id: str
    title: str | None
    description: str
    form_schema: dict[str, Any] | None
    since: datetime
    expires_at: datetime | None = None


def pending_task(question: OpenRequest) -> PendingTask:
    """Return what a question of a human step asks for."""
    request = question.request
    return PendingTask(
        question.run_id,
        request.form_step or question.task_id,
        question.request_id,
        request.title,
        request.message,
        request.form_schema,
        question.asked_at,
        question.expires_at,
    )


def instance(run: Run) -> WorkflowInstance:
    """Read a run."""
    info, view = run.info, run.view()
    state = view.state
    created = state.created
    return WorkflowInstance(
        run.run_id,
        info.workflow,
        created.fields.get("version") if created is not None else None,
        info.shown_status,
        RunContext({key: view.read_channel(key, cell) for key, cell in sorted(state.channel.items())}),
        run.result() if info.status == "succeeded" else None,
        _error(run) if info.status in ("failed", "cancelled") else None,
        tuple(state.waits()),
    )


def _error(run: Run) -> DurableError | None:
    try:
        run.result()
    except DurableError as error:
        return error
    return None
