"""Outcome: from an ended run's state to its result or its exception, the same live and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durable.core.state import RunState
from durable.core.transitions import CANCELLED, FAILED, SUCCEEDED
from durable.engine.changes import decode_refusal
from durable.engine.view import RunView
from durable.errors import DurableError, ParallelGroupError, RunCancelled, RunInterrupted, StepLimitExceeded, TaskFailed


def results(state: RunState, view: RunView) -> dict[str, Any]:
    """Return the values of all tasks that succeeded, by id, in definition order."""
    return view.values([node for node in range(state.graph.tasks) if view.has_value(node)], state.graph.ids)


def result(state: RunState, view: RunView) -> Any:
    """Return a succeeded run's result: the one end's value, or ``{id: value}`` of several."""
    graph = state.graph
    taken = [node for node in graph.ordered() if graph.parent[node] < 0 and state.nodes[node] == SUCCEEDED]
    ends = [node for node in taken if not any(state.nodes[after] == SUCCEEDED for after in graph.after[node])]
    if len(ends) == 1:
        return view.value(ends[0])
    return view.values(ends, graph.ids)


def failure(state: RunState, view: RunView, causes: Mapping[int, BaseException], command: str) -> DurableError:
    """Return the exception that a run which did not succeed raises.

    Args:
        state: the folded state.
        view: loads what was recorded.
        causes: the original exceptions by node, when they happened in this process.
        command: the command that resumes the run.
    """
    if state.status == CANCELLED:
        return RunCancelled("the run was cancelled", run_id=state.run_id, hint="A cancelled run stays cancelled")
    if state.status != FAILED:
        return RunInterrupted("the run has not ended", run_id=state.run_id, hint=f"Go on with: {command}")
    failures = state.outermost_failures()
    if not failures:
        event = view.store.event(state.run_id, state.error_seq)
        said = event.fields.get("error", "").partition(": ")[2]
        return StepLimitExceeded(said or "the run failed", run_id=state.run_id, hint=f"Go on with: {command}")
    node = failures[0]
    made = (
        _group_error(state, view, node, command)
        if state.graph.is_group(node)
        else _task_error(state, view, node, command)
    )
    cause = causes.get(node)
    if cause is not None and not (isinstance(cause, ParallelGroupError) and state.graph.is_group(node)):
        made.__cause__ = cause
    return made


def _group_error(state: RunState, view: RunView, node: int, command: str) -> ParallelGroupError:
    event = view.store.event(state.run_id, state.outcome[node])
    refusal = decode_refusal(event.encoding, event.payload)
    return ParallelGroupError(
        refusal.message,
        group_id=state.graph.ids[node],
        failed_tasks=refusal.failed_tasks,
        successful_tasks=refusal.successful_tasks,
        run_id=state.run_id,
        hint=f"Resume with: {command}",
    )


def _task_error(state: RunState, view: RunView, node: int, command: str) -> TaskFailed:
    seq = state.outcome[node]
    error = view.load_error(seq) if state.nodes[node] != CANCELLED else None
    said = f"{error.type}: {error.message}" if error is not None else "cancelled"
    return TaskFailed(
        f"task {state.graph.ids[node]!r} failed: {said}",
        run_id=state.run_id,
        task_id=state.graph.ids[node],
        error=error,
        hint=f"Resume with: {command}",
    )
