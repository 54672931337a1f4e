"""Workflows that ask people, and the questions that are open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable import Run, TaskExecutionContext, Workflow, task, workflow
from durable.human import open_requests

FORM = {"properties": {"amount": {"type": "integer"}}, "required": ["amount"]}


def asks(run: Run) -> list[str]:
    """Ids of the run's open questions."""
    return [item.request_id for item in open_requests(run.load_state(), run.store)]


def single(body: Callable[..., Any]) -> Workflow:
    """A workflow of one task, ``ask``."""
    with workflow("asking") as wf:
        wf.add(task(id="ask")(body))
    return wf


def yes_or_no(ctx: TaskExecutionContext) -> Any:
    """A body that asks, and returns the answer."""
    return ctx.request_feedback("?", timeout=0).value
