"""What runs wait for: questions to people, signals and sleeps, read from their states. It writes nothing.

A question is open while nobody has answered it, its wait has not ended and its task can still go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from durable.core.durable_calls import FEEDBACK, Mark, find, walk
from durable.core.events import EPOCH
from durable.core.transitions import ENDED, RUN_ENDS, STATUSES
from durable.definition.questions import FeedbackRequest, decode_request
from durable.engine.messages import ANSWER
from durable.errors import RunNotFound

if TYPE_CHECKING:
    from durable.core.state import RunState
    from durable.store import Store


class OpenRequest(msgspec.Struct, frozen=True):
    """A question that nobody's recorded answer has ended.

    Attributes:
        run_id, request_id, task_id: where it was asked.
        request: the question.
        asked_at: when; expires_at: when nobody can answer any more. Both in UTC.
        answered: whether an answer waits for the run to go on.
        expired: whether its time has passed, although the run has not continued since.
    """

    run_id: str
    request_id: str
    task_id: str
    request: FeedbackRequest
    asked_at: datetime
    expires_at: datetime | None = None
    answered: bool = False
    expired: bool = False


class Waiting(msgspec.Struct, frozen=True):
    """Something that a run waits for.

    Attributes:
        run_id, task_id: what waits.
        kind: "feedback", "signal" or "sleep".
        name: the question's id, or the signal.
        since: when the wait began; due: when it ends by itself. Both in UTC.
        question: the question, if it is one.
    """

    run_id: str
    task_id: str
    kind: str
    name: str
    since: datetime
    due: datetime | None = None
    question: OpenRequest | None = None


def answer_id(request_id: str) -> str:
    """Return the id of the message that answers a question: the same for all, so that only one counts."""
    return f"answer:{request_id}"


def open_requests(state: RunState, store: Store) -> list[OpenRequest]:
    """Return a run's open questions, the oldest first.

    Args:
        state: the folded run.
        store: where its log is.
    """
    return [item.question for item in waits(state, store) if item.question is not None]


def waiting(store: Store, run_id: str | None = None) -> list[Waiting]:
    """Return what runs wait for, run by run, the newest first.

    Args:
        store: where the logs are.
        run_id: only this run; None for every run that has not ended.

    Raises:
        RunNotFound: there is no such run.
    """
    from durable.engine.load import load

    infos = list(store.runs()) if run_id is None else [store.run(run_id)]
    found: list[Waiting] = []
    for info in infos:
        if info is None:
            raise RunNotFound(f"there is no run {run_id!r}", hint=f"See durable runs --store {store.url}")
        if info.status not in RUN_ENDS.values():
            found += waits(load(store, info.run_id), store)
    return found


def waits(state: RunState, store: Store) -> Iterator[Waiting]:
    """Yield what one run waits for, the oldest first.

    Args:
        state: the folded run.
        store: where its log is.
    """
    if state.status in ENDED:
        return
    sent = {message.id for message in store.inbox(state.run_id) if message.kind == ANSWER}
    begun = [(mark.seq, node, path) for node in state.marks for path, mark in walk(state.marks[node]) if mark.waits]
    for _, node, path in sorted(begun):
        mark = find(state.marks[node], path)
        if mark is not None and state.nodes[node] not in ENDED:
            yield _waiting(state, store, node, mark, sent)


def _waiting(state: RunState, store: Store, node: int, mark: Mark, sent: set[str]) -> Waiting:
    event = store.event(state.run_id, mark.seq)
    task_id, due = task_name(state, node), moment(mark.due) if mark.due else None
    question = None
    if mark.kind == FEEDBACK:
        question = OpenRequest(
            state.run_id,
            mark.name,
            task_id,
            decode_request(event.encoding, event.payload),
            event.when,
            due,
            answered=answer_id(mark.name) in sent,
            expired=bool(mark.due) and mark.due <= store.clock.now(),
        )
    return Waiting(state.run_id, task_id, mark.kind, mark.name, event.when, due, question)


def why_closed(state: RunState, store: Store, request_id: str) -> str | None:
    """Return why a question that was not answered cannot be answered now; None when it can be.

    Args:
        state: the folded run; store: where its log is.
        request_id: a question that was asked in it.
    """
    node, path, seq, _ = state.requests[request_id]
    mark = find(state.marks.get(node), path)
    own = mark if mark is not None and mark.seq == seq else None  # else the task is over, or iterates again
    due = store.event(state.run_id, seq).fields.get("due")
    if due is not None and (due <= store.clock.now() or (own is not None and own.ended)):
        return f"it expired at {moment(due):%Y-%m-%d %H:%M:%S} UTC"
    if state.status in ENDED:
        return f"the run has ended: {state.status_name}"
    if state.nodes[node] in ENDED:
        return f"its task has ended: {STATUSES[state.nodes[node]]}"
    return None if own is not None else "its task has continued without it"


def task_name(state: RunState, node: int) -> str:
    """Return a task's id, with the number of its iteration from the second on."""
    number = state.iteration(node)
    return state.graph.ids[node] if number == 1 else f"{state.graph.ids[node]}[{number}]"


def moment(microseconds: int) -> datetime:
    """Return a time of the log as an aware UTC datetime."""
    return EPOCH + timedelta(microseconds=microseconds)
