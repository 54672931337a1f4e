"""The functions that start, continue, resume, open and list runs; ``Run``, the handle on one, is in ``handle.py``.

Here a caller's wishes are checked and a store is opened for them. It must not fold or decide.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from durable.context.effects import check_key
from durable.definition.blueprint import Blueprint
from durable.definition.checks import check_seconds
from durable.engine import lifecycle
from durable.engine.journal import Observer
from durable.engine.request import Request
from durable.engine.shutdown import GRACE_SECONDS
from durable.errors import DefinitionError, RunNotFound
from durable.runs.handle import Run
from durable.runs.host import logged, make_host
from durable.store import RunInfo, Store, check_run_id, opened_store

if TYPE_CHECKING:
    from durable.runs.asynchronous import Control

__all__ = ["Run", "list_runs", "open_run", "resume_workflow", "start_run"]


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
    """Run a workflow, or resume its interrupted run of that id, until it has ended. See ``Workflow.start``."""
    if run_id is not None:
        check_run_id(run_id)
    if max_steps is not None and (isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1):
        raise DefinitionError(f"max_steps must be a whole number from 1, not {max_steps!r}")
    for key in initial or ():
        check_key("channel", key)
    check_seconds("deadline", deadline, workflow.name)
    request = Request(workflow, start, dict(initial or {}), max_steps, deadline)
    opened, owned = opened_store(store)
    run = Run(opened, run_id or _new_id(workflow.name, opened), owned=owned)
    run.workflow = workflow
    try:
        with logged(opened, observers) as told:
            return run.took(lifecycle.start(make_host(opened, told, grace, wait, control), run.run_id, request))
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
    return f"{name}-{when:%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"
