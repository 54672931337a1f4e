"""Outcome: from an ended run's state to its result or its exception, the same live and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from durable.core.graph import Graph
from durable.core.state import RunState
from durable.core.transitions import CANCELLED, FAILED, SUCCEEDED, SUSPENDED
from durable.engine.map_results import Results
from durable.engine.run_view import RunView
from durable.errors import (
    DeadlineExceeded,
    DurableError,
    ParallelGroupError,
    RunCancelled,
    RunInterrupted,
    RunSuspended,
    StepLimitExceeded,
    TaskFailed,
)

_LIMITS = {kind.__name__: kind for kind in (StepLimitExceeded, DeadlineExceeded)}
"""Errors of the run itself, which no task has."""


def results(state: RunState, view: RunView) -> dict[str, Any]:
    """Return the values of all tasks that succeeded, by id, in definition order; then those of maps."""
    graph = state.graph
    found = view.values([node for node in graph.task_nodes() if view.has_value(node)], graph.ids.__getitem__)
    return found | {graph.ids[node]: view.value(node) for node in graph.expansions.by_group}


def result(state: RunState, view: RunView) -> Any:
    """Return a succeeded run's result: the one end's value, or ``{id: value}`` of several.

    Ends are the taken tasks without taken successors; what a task scheduled counts among them.
    """
    if state.result_seq:
        return view.load(state.result_seq)
    graph = state.graph
    nodes, after = state.nodes, graph.after
    follow = _followers(state) if graph.scheduled or state.taken else after.__getitem__
    taken = (node for node in graph.written() if graph.parent[node] < 0 and nodes[node] == SUCCEEDED)
    ends = [node for node in taken if SUCCEEDED not in map(nodes.__getitem__, follow(node))]
    if len(ends) == 1:
        return view.value(ends[0])
    return view.values(sorted(ends, key=partial(_place, graph)), graph.ids.__getitem__)


def _place(graph: Graph, node: int) -> list[tuple[int, int, int]]:
    """Where a node stands, what a task scheduled in that task's place: whichever of several tasks was faster."""
    way = [graph.place(node)]
    while node in graph.scheduler:
        node = graph.scheduler[node]
        way.append(graph.place(node))
    return way[::-1]


def _followers(state: RunState) -> Callable[[int], Iterable[int]]:
    """What a node leads to where nodes choose their successors or schedule tasks."""
    graph = state.graph

    def follow(node: int) -> Iterator[int]:
        chosen = state.taken.get(node)
        yield from (after for after in graph.after[node] if chosen is None or after in chosen)
        yield from graph.scheduled.get(node, ())
        for inner in graph.subtree(node) if graph.grouped[node] else ():
            yield from graph.scheduled.get(inner, ())

    return follow


def failure(state: RunState, view: RunView, causes: Mapping[int, BaseException], command: str) -> DurableError:
    """Return the exception that a run which did not succeed raises.

    Args:
        state: the folded state.
        view: loads what was recorded.
        causes: the original exceptions by node, when they happened in this process.
        command: the command that resumes the run.
    """
    if state.status == CANCELLED:
        reason = view.event(state.seq).fields.get("reason")
        said = f"the run was cancelled: {reason}" if reason else "the run was cancelled"
        return RunCancelled(said, run_id=state.run_id, hint="A cancelled run stays cancelled; it can be forked")
    if state.status == SUSPENDED:
        event = view.event(state.seq)
        waiting = event.fields.get("waiting", [])
        return RunSuspended(
            f"the run waits for {', '.join(waiting[:3])}{' and more' if len(waiting) > 3 else ''}",
            run_id=state.run_id,
            waiting=waiting,
            hint=f"Once that has come, resume with: {command}",
        )
    if state.status != FAILED:
        return RunInterrupted("the run has not ended", run_id=state.run_id, hint=f"Resume with: {command}")
    failures = state.outermost_failures()
    name, _, said = view.event(state.error_seq).fields.get("error", "").partition(": ")
    limit = _LIMITS.get(name.rpartition(".")[2])
    if limit is not None or not failures:
        return (limit or StepLimitExceeded)(
            said or "the run failed", run_id=state.run_id, hint=f"Resume with: {command}"
        )
    node = failures[0]
    made = (
        _group_error(state, view, node, command)
        if state.graph.is_group(node)
        else _task_error(state, view, node, command)
    )
    made.__cause__ = _cause(state, causes, node)
    return made


def _cause(state: RunState, causes: Mapping[int, BaseException], node: int) -> BaseException | None:
    """What happened in this process: a task's exception, or those of a group's members together."""
    cause = causes.get(node)
    if not state.graph.is_group(node) or (cause is not None and not isinstance(cause, ParallelGroupError)):
        return cause
    inside = [causes[inner] for inner in sorted(state.graph.subtree(node)) if inner in causes]
    found = [error for error in inside if not isinstance(error, ParallelGroupError)]
    return BaseExceptionGroup(f"{len(found)} of {state.graph.ids[node]}", found) if found else None


def _group_error(state: RunState, view: RunView, node: int, command: str) -> ParallelGroupError:
    event = view.event(state.outcome[node])
    from durable.engine.refusals import decode_refusal  # for groups that failed

    refusal = decode_refusal(event.encoding, event.payload)
    expansion = state.graph.expansions.by_group.get(node)
    return ParallelGroupError(
        refusal.message,
        group_id=state.graph.ids[node],
        failed_tasks=refusal.failed_tasks,
        successful_tasks=refusal.successful_tasks if expansion is None else Results(view, expansion).succeeded,
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
