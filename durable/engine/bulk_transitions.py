"""Changes of many subjects at once: closing, reopening, cancelling, taking over.

Each is a list of ordinary events, one for each subject that moves, in one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from durable.core.events import encode_fields
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
from durable.engine.evaluation import Refusal
from durable.errors import PoisonTask
from durable.values.failures import encode_error, record_error
from durable.engine.messages import TERMINATE, body_of
from durable.values.payloads import Payload, decode_raw, encode_raw
from durable.store import Message

UNFINISHED = frozenset({PENDING, RUNNING, WAITING, INTERRUPTED, SUSPENDED})
"""Statuses of what may still run."""

_BAD = frozenset({FAILED, TIMED_OUT, CANCELLED})

_decode_refusal = msgspec.json.Decoder(Refusal).decode


def encode_refusal(refusal: Refusal) -> Payload:
    """Return a refusal as a payload."""
    return encode_raw(msgspec.json.encode(refusal), "json")


def decode_refusal(encoding: str | None, data: bytes | None) -> Refusal:
    """Return the refusal that a GroupFailed event carries."""
    return _decode_refusal(decode_raw(encoding, data)[1])


def reopen_member(journal: Journal, line: Iterable[int], why: str) -> None:
    """Let a member run again: what did not succeed in it, or all of it if all of it succeeded."""
    state = journal.state
    line = list(line)
    again = state.nodes[line[-1]] == SUCCEEDED
    data = encode_fields({"reason": why})
    for node in line:
        status = state.nodes[node]
        if state.graph.is_group(node):
            if status in _BAD or status == SKIPPED:
                journal.emit("GroupReopened", state.graph.ids[node], data=data)
                for inner in state.graph.members[node]:
                    reopen_member(journal, inner, why)
        elif status in ENDED and (again or status != SUCCEEDED):
            journal.emit("TaskReopened", state.graph.ids[node], data=data)


def reopen_failures(journal: Journal, why: str) -> None:
    """Let everything run again that failed and that no verdict of success settled."""
    state = journal.state
    data = encode_fields({"reason": why})
    bad = set(state.failures())
    for node in bad.copy():
        if state.graph.is_group(node):
            bad.update(inner for inner in state.graph.subtree(node) if state.nodes[inner] == SKIPPED)
    for node in sorted(bad):
        if not state.settled(node):
            kind = "GroupReopened" if state.graph.is_group(node) else "TaskReopened"
            journal.emit(kind, state.graph.ids[node], data=data)


def rejudge_failures(journal: Journal, policy: Any, asked: Mapping[str, str | None], *, run_others: bool) -> list[str]:
    """Let failed groups be judged again over what is recorded, and other failures run again.

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
            journal.emit("TaskReopened", state.graph.ids[node], data=encode_fields({"reason": "resumed"}))
    for node in groups:
        journal.emit("GroupReopened", state.graph.ids[node], data=encode_fields({"policy": policy, **asked}))
    return [state.graph.ids[node] for node in groups]


def close_nodes(journal: Journal, nodes: Iterable[int], why: str, give_up: Callable[[int, str], None]) -> None:
    """Cancel those of the nodes that have begun and skip those that have not.

    Args:
        journal: of the run.
        nodes: tasks and groups; those that have ended are left alone.
        why: the recorded reason.
        give_up: lets go of a running attempt.
    """
    state = journal.state
    data = encode_fields({"reason": why})
    for node in nodes:
        status, name = state.nodes[node], state.graph.ids[node]
        if status not in UNFINISHED:
            continue
        begun = status != PENDING or state.attempts[node] > 0  # a pending one may wait for its next iteration
        if state.graph.is_group(node):
            journal.emit("GroupCancelled" if begun else "GroupSkipped", name, data=data)
        else:
            give_up(node, why)
            journal.emit("TaskCancelled" if begun else "TaskSkipped", name, state.attempts[node] if begun else 0, data)


def _nothing_runs(_node: int, _why: str) -> None:
    """For callers that hold the lease of a run that nobody drives."""


def end_run(
    journal: Journal,
    event: str,
    fields: Mapping[str, Any],
    payload: Payload | None = None,
    give_up: Callable[[int, str], None] = _nothing_runs,
) -> None:
    """End a run early: cancel what has begun, skip what has not, and record the end.

    Args:
        journal: of the run.
        event: RunSucceeded or RunCancelled.
        fields: who ended it, and why.
        payload: the run's result.
        give_up: lets go of a running attempt.
    """
    why = "the run was cancelled" if event == "RunCancelled" else "the run was ended early"
    close_nodes(journal, journal.state.having(*UNFINISHED), why, give_up)
    journal.emit(event, data=encode_fields(fields), payload=payload)


def end_as_asked(journal: Journal, message: Message, give_up: Callable[[int, str], None] = _nothing_runs) -> None:
    """End a run as a message from outside asks, and commit it."""
    body = body_of(message)
    asked = {"actor": body.actor, "reason": body.reason}
    if message.kind == TERMINATE:
        end_run(journal, "RunSucceeded", {"terminated": "", **asked}, body.payload, give_up)
    else:
        end_run(journal, "RunCancelled", asked, None, give_up)
    journal.consume.append(message.id)
    journal.commit()


def take_over(journal: Journal, fields: Mapping[str, str | None], *, counted: bool) -> None:
    """Record that a new drive goes on with an interrupted run.

    Args:
        journal: of the run.
        fields: the new drive (``owner``), why the one before it stopped (``found``), and who asked.
        counted: whether the interruptions count against the tasks' attempts.
    """
    state = journal.state
    journal.emit("RunContinued", data=encode_fields(fields))
    data = encode_fields({"counted": counted})
    for node in state.having(RUNNING, INTERRUPTED):
        if state.graph.is_group(node):
            continue
        if state.nodes[node] == RUNNING:
            journal.emit("TaskInterrupted", state.graph.ids[node], state.attempts[node], data)
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
    journal.emit("TaskFailed", name, state.attempts[node], encode_fields({"error": record.line}), encode_error(record))
    return error
