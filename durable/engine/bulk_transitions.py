"""Changes of many subjects at once: closing, reopening, cancelling, taking over.

Each is a list of ordinary events, one for each subject that moves, in one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from durable.core.events import Draft
from durable.core.run_events import run_cancelled, run_succeeded
from durable.core.task_events import (
    group_cancelled,
    group_reopened,
    group_skipped,
    task_cancelled,
    task_failed,
    task_interrupted,
    task_reopened,
    task_skipped,
)
from durable.core.transitions import (
    CANCELLED,
    ENDED,
    FAILED,
    INTERRUPTED,
    PENDING,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    SUSPENDED,
    TIMED_OUT,
    WAITING,
)
from durable.engine.journal import Journal
from durable.engine.messages import TERMINATE, body_of
from durable.errors import PoisonTask
from durable.store import Message
from durable.values.failures import encode_error, record_error

UNFINISHED = frozenset({PENDING, RUNNING, WAITING, INTERRUPTED, SUSPENDED})
"""Statuses of what may still run."""

_BAD = frozenset({FAILED, TIMED_OUT, CANCELLED})


def reopen_member(journal: Journal, line: Iterable[int], why: str) -> None:
    """Let a member run again: what did not succeed in it, or all of it if all of it succeeded."""
    state = journal.state
    line = list(line)
    again = state.nodes[line[-1]] == SUCCEEDED
    for node in line:
        status = state.nodes[node]
        if state.graph.is_group(node):
            if status in _BAD or status == SKIPPED:
                journal.emit(group_reopened(reason=why), state.graph.ids[node])
                for inner in state.graph.members[node]:
                    reopen_member(journal, inner, why)
        elif status in ENDED and (again or status != SUCCEEDED):
            journal.emit(task_reopened(why), state.graph.ids[node])


def reopen_failures(journal: Journal, why: str) -> None:
    """Let everything run again that failed and that no verdict of success settled."""
    state = journal.state
    group, task = group_reopened(reason=why), task_reopened(why)
    bad = set(state.failures())
    for node in bad.copy():
        if state.graph.is_group(node):
            bad.update(inner for inner in state.graph.subtree(node) if state.nodes[inner] == SKIPPED)
    for node in sorted(bad):
        if not state.settled(node):
            journal.emit(group if state.graph.is_group(node) else task, state.graph.ids[node])


def rejudge_failures(journal: Journal, policy: Any, asked: Mapping[str, str | None], *, run_others: bool) -> list[str]:
    """Let failed groups be re-evaluated over what is recorded, and other failures run again.

    Args:
        journal: of the run.
        policy: description of the policy that will judge.
        asked: actor and reason.
        run_others: whether tasks that failed outside of groups may run again; not when they failed in a
            drive that was interrupted, because then nobody has resumed the run since.

    Returns:
        The groups' ids.
    """
    state = journal.state
    failures = state.failures()
    groups = [node for node in failures if state.graph.is_group(node)]
    open_groups = [node for node in state.graph.members if state.nodes[node] == RUNNING]
    inside = {inner for group in groups + open_groups for inner in state.graph.subtree(group)}
    for node in failures if run_others else ():
        if node not in inside and not state.graph.is_group(node):
            journal.emit(task_reopened("resumed"), state.graph.ids[node])
    for node in groups:
        journal.emit(group_reopened(policy=policy, **asked), state.graph.ids[node])
    return [state.graph.ids[node] for node in groups]


def close_nodes(journal: Journal, nodes: Iterable[int], why: str, give_up: Callable[[int, str], None]) -> None:
    """Cancel those of the nodes that have begun and skip those that have not.

    Args:
        journal: of the run.
        nodes: tasks and groups; those that have ended are left alone.
        why: the recorded reason.
        give_up: drops a running attempt.
    """
    state = journal.state
    task = task_cancelled(why), task_skipped(why)
    group = group_cancelled(why), group_skipped(why)
    for node in nodes:
        status, name = state.nodes[node], state.graph.ids[node]
        if status not in UNFINISHED:
            continue
        begun = status != PENDING or state.attempts[node] > 0  # a pending one may wait for its next iteration
        if state.graph.is_group(node):
            journal.emit(group[not begun], name)
        else:
            give_up(node, why)
            journal.emit(task[not begun], name, state.attempts[node] if begun else 0)


def _nothing_runs(_node: int, _why: str) -> None:
    """For callers that hold the lease of a run that nobody drives."""


def end_run(
    journal: Journal,
    last: Draft,
    give_up: Callable[[int, str], None] = _nothing_runs,
) -> None:
    """End a run early: cancel what has begun, skip what has not, and record the end.

    Args:
        journal: of the run.
        last: RunSucceeded or RunCancelled: who ended it, why, and the run's result.
        give_up: drops a running attempt.
    """
    why = "the run was cancelled" if last.type == "RunCancelled" else "the run was ended early"
    close_nodes(journal, journal.state.having(*UNFINISHED), why, give_up)
    journal.emit(last)


def end_as_asked(journal: Journal, message: Message, give_up: Callable[[int, str], None] = _nothing_runs) -> None:
    """End a run as a message from outside asks, and commit it."""
    body = body_of(message)
    if message.kind == TERMINATE:
        last = run_succeeded(body.payload, terminated="", actor=body.actor, reason=body.reason)
    else:
        last = run_cancelled(actor=body.actor, reason=body.reason)
    end_run(journal, last, give_up)
    journal.consume.append(message.id)
    journal.commit()


def take_over(journal: Journal, continued: Draft, *, counted: bool) -> None:
    """Record that a new drive resumes an interrupted run.

    Args:
        journal: of the run.
        continued: RunContinued: the new drive, why the one before it stopped, and who asked.
        counted: whether the interruptions count against the tasks' attempts.
    """
    state = journal.state
    journal.emit(continued)
    interrupted = task_interrupted(counted=counted)
    for node in state.having(RUNNING, INTERRUPTED):
        if state.graph.is_group(node):
            continue
        if state.nodes[node] == RUNNING:
            journal.emit(interrupted, state.graph.ids[node], state.attempts[node])
        poison(journal, node)


def poison(journal: Journal, node: int) -> PoisonTask | None:
    """Fail a task that was interrupted as often as it may be, and return the error; else do nothing."""
    state = journal.state
    if state.nodes[node] != INTERRUPTED or state.spent.get(node, 0) < state.graph.attempt_limit(node):
        return None
    name = state.graph.ids[node]
    error = PoisonTask(
        f"the task used up its {state.spent[node]} attempts, {state.interrupted.get(node, 0)} of them interrupted; "
        "its process probably dies because of it",
        run_id=state.run_id,
        task_id=name,
        hint="Fix the task, then resume the run: it gets a fresh budget",
    )
    record = record_error(error)
    journal.emit(task_failed(encode_error(record), error=record.line), name, state.attempts[node])
    return error
