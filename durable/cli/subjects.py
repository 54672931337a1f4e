"""Tasks and groups of a run as rows: status, attempts, time, error and preview. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from durable.cli.words import utc_time
from durable.core.events import Event
from durable.core.state import RunState
from durable.core.transitions import (
    FAILED,
    INTERRUPTED,
    PENDING,
    RUNNING,
    SKIPPED,
    STATUSES,
    SUCCEEDED,
    SUSPENDED,
    TIMED_OUT,
    WAITING,
)
from durable.payloads import preview_of
from durable.store import Store

if TYPE_CHECKING:
    from durable.run import Run

_FEW = 200
"""Outcomes that are fetched one by one; more are read in one pass."""

_ATTEMPT_ENDS = frozenset(
    {"TaskSucceeded", "TaskIterated", "TaskSuspended", "TaskFailed", "TaskTimedOut", "TaskRetryScheduled",
     "TaskInterrupted", "TaskCancelled", "GroupSucceeded", "GroupFailed", "GroupRetryRequested"}
)  # fmt: skip


class Subject(msgspec.Struct, frozen=True):
    """A task or a group, as the log has it.

    Attributes:
        id, kind, status: what it is; ``group``: the group around it.
        attempts: how many were started; ``seconds``: how long the last one, or the group, took.
        error: why it failed, in one line; ``preview``: its result.
        policy, verdict, members, succeeded: of a group.
    """

    id: str
    kind: str
    status: str
    group: str | None = None
    attempts: int = 0
    seconds: float = 0.0
    error: str | None = None
    preview: str | None = None
    policy: str | None = None
    verdict: str | None = None
    members: int = 0
    succeeded: int = 0

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it, with what fits its kind."""
        names = ["id", "kind", "status", "group", "seconds", "error"]
        names += ["attempts", "preview"] if self.kind == "task" else ["policy", "verdict", "members", "succeeded"]
        return {name: getattr(self, name) for name in names}


def nodes_of(state: RunState, status: str | None = None) -> list[int]:
    """Return the nodes in the order in which they can run, only those of a status if one is given."""
    wanted = None if status is None else STATUSES.index(status)
    return [node for node in state.graph.topological() if wanted is None or state.nodes[node] == wanted]


def needs_attention(state: RunState, node: int) -> bool:
    """Whether a node is worth showing before others: it failed, runs, waits or was interrupted."""
    urgent = (FAILED, TIMED_OUT, RUNNING, WAITING, INTERRUPTED, SUSPENDED)
    return state.nodes[node] in urgent or state.graph.is_group(node)


def subjects(state: RunState, store: Store, nodes: Sequence[int]) -> Iterator[Subject]:
    """Yield nodes as rows; few outcomes are fetched one by one, many in one pass over the log."""
    wanted = {state.outcome[node] for node in nodes} - {0}
    found: dict[int, tuple[dict[str, Any], str]] = {}
    if len(wanted) > _FEW:
        for event in store.read(state.run_id, min(wanted) - 1, max(wanted)):
            if event.seq in wanted:
                found[event.seq] = _said(event)
    for node in nodes:
        yield subject(state, store, node, found.get(state.outcome[node]))


def subject(state: RunState, store: Store, node: int, said: tuple[dict[str, Any], str] | None = None) -> Subject:
    """Return one node as a row.

    Args:
        state: the folded run; store: where its log is.
        node: the node.
        said: fields and preview of the event that holds its outcome, when they are at hand.
    """
    graph, status, parent = state.graph, state.nodes[node], state.graph.parent[node]
    seq = state.outcome[node]
    if said is None:
        said = _said(store.event(state.run_id, seq)) if seq else ({}, "")
    fields, preview = said
    error = None if status in (SUCCEEDED, PENDING) else fields.get("error") or fields.get("reason")
    group = graph.ids[parent] if parent >= 0 else None
    name, word, seconds = graph.ids[node], STATUSES[status], state.seconds(node)
    if not graph.is_group(node):
        shown = preview if status == SUCCEEDED else None
        return Subject(name, "task", word, group, state.attempts[node], seconds, error, shown)
    ends = [line[-1] for line in graph.members[node]]
    done = sum(state.nodes[end] == SUCCEEDED for end in ends)
    policy = fields.get("policy", graph.group(node).policy)
    verdict = word if status not in (PENDING, RUNNING, SKIPPED) else None
    return Subject(name, "group", word, group, 0, seconds, error, None, policy_name(policy), verdict, len(ends), done)


def policy_name(policy: Any) -> str:
    """Return a policy's description as one line."""
    if not isinstance(policy, dict):
        return str(policy)
    options = ", ".join(f"{name}={value}" for name, value in policy.items() if name != "type")
    return f"{policy.get('type', 'policy')}({options})" if options else str(policy.get("type", "policy"))


def history(run: Run, task_id: str) -> list[dict[str, Any]]:
    """Return how each attempt of a task, or each judging of a group, ended, with the traceback of its error."""
    from durable.failures import decode_error

    found = []
    for event in run.events():
        if event.task_id == task_id and event.type in _ATTEMPT_ENDS:
            fields = event.fields
            is_error = event.type in ("TaskFailed", "TaskTimedOut", "TaskRetryScheduled")
            traceback = decode_error(event.encoding, event.payload).traceback if is_error else ""
            found.append({"attempt": event.attempt, "event": event.type, "seq": event.seq, "time": utc_time(event.time),
                          "error": str(fields.get("error", "")), "traceback": traceback})  # fmt: skip
    return found


def _said(event: Event) -> tuple[dict[str, Any], str]:
    fields = event.fields
    return fields, preview_of(event.encoding, event.payload, fields.get("preview"))
