"""Tasks and groups of a run as rows: status, attempts, time, error and preview. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from durable.cli.formatting import utc_time
from durable.core.events import Event
from durable.core.state import RunState
from durable.core.transitions import (
    ENDED,
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
from durable.engine.map_results import status_counts
from durable.store import Store
from durable.values.payloads import preview_of

if TYPE_CHECKING:
    from durable.runs.start import Run

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
        counts: of a map, how many of its members have each status; complete: whether there will be no more.
        item: of a member of a map, what it was made of.
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
    counts: dict[str, int] | None = None
    complete: bool = True
    item: str | None = None

    def of_item(self, item: str) -> Subject:
        """Return the same with what the member was made of."""
        return msgspec.structs.replace(self, item=item)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it, with what fits its kind."""
        names = ["id", "kind", "status", "group", "seconds", "error"]
        names += ["attempts", "preview"] if self.kind == "task" else ["policy", "verdict", "members", "succeeded"]
        names += ["counts", "complete"] if self.counts is not None else ["item"] if self.item is not None else []
        return {name: getattr(self, name) for name in names}


def nodes_of(state: RunState, status: str | None = None, limit: int = 0) -> list[int]:
    """Return the nodes in the order in which they can run; of maps, the members that are worth it.

    Args:
        state: the folded run.
        status: only nodes of this status; without it, members of maps that failed or have not finished.
        limit: how many members of a map; 0 for all of them.
    """
    from durable.cli.map_members import shown_members

    wanted = None if status is None else STATUSES.index(status)
    expansions = state.graph.expansions.by_group
    found = []
    for node in state.graph.topological():
        if wanted is None or state.nodes[node] == wanted:
            found.append(node)
        if node in expansions:
            found += shown_members(state, expansions[node], wanted, limit)
    return found


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
        said: fields and preview of the event that holds its outcome, when they are known.
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
    policy = policy_name(fields.get("policy", graph.group(node).policy))
    verdict = word if status not in (PENDING, RUNNING, SKIPPED) else None
    made = Subject(name, "group", word, group, 0, seconds, error, None, policy, verdict)
    expansion = graph.expansions.by_group.get(node)
    if expansion is not None:
        counts = status_counts(state, expansion)
        return msgspec.structs.replace(
            made, members=expansion.count, succeeded=counts.get("succeeded", 0), counts=counts,
            complete=expansion.complete,
        )  # fmt: skip
    ends = [line[-1] for line in graph.members[node]]
    done = sum(state.nodes[end] == SUCCEEDED for end in ends)
    return msgspec.structs.replace(made, members=len(ends), succeeded=done)


def policy_name(policy: Any) -> str:
    """Return a policy's description as one line."""
    if not isinstance(policy, dict):
        return str(policy)
    options = ", ".join(f"{name}={value}" for name, value in policy.items() if name != "type")
    return f"{policy.get('type', 'policy')}({options})" if options else str(policy.get("type", "policy"))


def history(run: Run, task_id: str) -> list[dict[str, Any]]:
    """Return how each attempt of a task, or each judging of a group, ended, with the traceback of its error."""
    return [_ending(event) for event in _events_of(run, task_id) if event.type in _ATTEMPT_ENDS]


def _events_of(run: Run, task_id: str) -> Iterator[Event]:
    """The events of a task; for a member of a map, no more of a log with millions of them is read than has to be."""
    state = run.load_state()
    node = state.graph.number(task_id)
    expansion = state.graph.expansion_of(node)
    after, until, ended = 0, None, bool(state.outcome[node]) and state.nodes[node] in ENDED
    if expansion is not None:
        after, until = expansion.batch_of(node).seq, state.outcome[node] if ended else None
    if expansion is not None and ended and state.attempts[node] <= 1:
        after = state.outcome[node] - 1
    return (event for event in run.store.read(run.run_id, after, until) if event.task_id == task_id)


def _ending(event: Event) -> dict[str, Any]:
    from durable.values.failures import decode_error

    is_error = event.type in ("TaskFailed", "TaskTimedOut", "TaskRetryScheduled")
    traceback = decode_error(event.encoding, event.payload).traceback if is_error else ""
    return {"attempt": event.attempt, "event": event.type, "seq": event.seq, "time": utc_time(event.time),
            "error": str(event.fields.get("error", "")), "traceback": traceback}  # fmt: skip


def _said(event: Event) -> tuple[dict[str, Any], str]:
    fields = event.fields
    return fields, preview_of(event.encoding, event.payload, fields.get("preview"))
