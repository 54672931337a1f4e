"""Answering questions: an answer is checked, and put into its run's inbox; whoever drives the run records it.

It must not append to a log, and needs no process that drives the run.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from durable.errors import FeedbackRefused
from durable.human.open_questions import (
    OpenRequest,
    Waiting,
    answer_id,
    moment,
    open_requests,
    task_name,
    waiting,
    why_closed,
)
from durable.definition.questions import FeedbackRequest, check_answer, decode_request
from durable.engine.messages import ANSWER, body_of, make_message
from durable.values.payloads import Payload, decode_raw, encode, preview_of

if TYPE_CHECKING:
    from durable.core.state import RunState
    from durable.store import Message, Store

__all__ = ["OpenRequest", "Waiting", "check_open", "chosen_request", "open_requests", "send_answer", "waiting"]


class Given(msgspec.Struct):
    """An answer that was given already.

    Attributes:
        payload: what; actor: by whom; when: at what time, in UTC.
    """

    payload: Payload | None
    actor: str | None
    when: datetime

    def is_same(self, value: Any) -> bool:
        """Whether this is the answer that was given, whatever the order of keys."""
        own = b"null"
        if self.payload is not None:
            kind, own = decode_raw(self.payload.encoding, self.payload.data)
            if kind != "json":  # no answer of ours; it is not unpickled to be looked at
                return False
        return _canonical(msgspec.json.decode(own)) == _canonical(value)

    def __str__(self) -> str:
        payload = self.payload
        shown = preview_of(payload.encoding, payload.data, payload.preview) if payload is not None else "null"
        return f"{self.actor or 'somebody'} answered {shown} at {self.when:%Y-%m-%d %H:%M:%S} UTC"


def send_answer(
    store: Store,
    run_id: str,
    request_id: str | None,
    value: Any,
    *,
    actor: str | None = None,
    reason: str | None = None,
) -> bool:
    """Answer a question of a run, whether or not somebody drives the run now.

    Args:
        store: where the run's log is.
        run_id: the run.
        request_id: the question; None for the only one that is open.
        value: the answer.
        actor: who answers; reason: why. Both are recorded.

    Returns:
        False when the same answer was given before; then nothing happens.

    Raises:
        FeedbackRefused: it does not fit the question, there is no such question, it is not open any more, or
            somebody gave another answer.
        RunNotFound: there is no such run.
    """
    from durable.engine.load import load

    inbox = store.inbox(run_id)  # looked at first: what leaves it afterwards is found in the log
    state = load(store, run_id)
    name, request = chosen_request(state, store, request_id)
    before = _given(state, store, inbox, name)
    if before is None:
        _refuse_closed(state, store, name)
    value = _checked(request, value, run_id, name)
    if before is None:
        message = make_message(
            answer_id(name), ANSWER, store.clock.now(), name=name, payload=encode(value), actor=actor, reason=reason
        )
        if store.send(run_id, message):
            return True
        inbox = store.inbox(run_id)  # somebody was faster
        before = _given(load(store, run_id), store, inbox, name)
    if before is not None and before.is_same(value):
        return False
    raise _second(before, run_id, name)


def check_open(state: RunState, store: Store, request_id: str) -> None:
    """Refuse to let somebody answer in vain.

    Args:
        state: the folded run; store: where its log is.
        request_id: a question that was asked in it.

    Raises:
        FeedbackRefused: it was answered already, or is closed.
    """
    before = _given(state, store, store.inbox(state.run_id), request_id)
    if before is not None:
        raise _second(before, state.run_id, request_id)
    _refuse_closed(state, store, request_id)


def chosen_request(state: RunState, store: Store, request_id: str | None) -> tuple[str, FeedbackRequest]:
    """Return the id of a question and the question itself, whether or not it is still open.

    Args:
        state: the folded run; store: where its log is.
        request_id: the question's id; None for the only one that is open.

    Raises:
        FeedbackRefused: there is no such question, or it was left out and several are open.
    """
    if request_id is None:
        found = open_requests(state, store)
        if len(found) == 1:
            return found[0].request_id, found[0].request
        said = f"{len(found)} questions are open: name one" if found else "no question is open"
        raise FeedbackRefused(said, run_id=state.run_id, hint=_open_ids(state, store))
    if request_id not in state.requests:
        raise FeedbackRefused(
            f"the run has not asked a question {request_id!r}", run_id=state.run_id, hint=_open_ids(state, store)
        )
    event = store.event(state.run_id, state.requests[request_id][2])
    return request_id, decode_request(event.encoding, event.payload)


def _checked(request: FeedbackRequest, value: Any, run_id: str, request_id: str) -> Any:
    try:
        return check_answer(request, value)
    except FeedbackRefused as error:
        raise FeedbackRefused(f"question {request_id!r}: {error.message}", run_id=run_id, hint=error.hint) from None


def _second(before: Given | None, run_id: str, name: str) -> FeedbackRefused:
    said = before if before is not None else "an answer was sent before, and came too late"
    return FeedbackRefused(
        f"question {name!r} was answered already: {said}",
        run_id=run_id,
        hint="The first answer counts; ask again in a new question to change it",
    )


def _refuse_closed(state: RunState, store: Store, name: str) -> None:
    why = why_closed(state, store, name)
    if why is None:
        return
    hint = None
    if state.status_name == "failed":
        hint = f"Resume it first, then answer: durable resume {state.run_id}"
    task_id = task_name(state, state.requests[name][0])
    raise FeedbackRefused(f"question {name!r} is closed: {why}", run_id=state.run_id, task_id=task_id, hint=hint)


def _given(state: RunState, store: Store, inbox: list[Message], name: str) -> Given | None:
    """The answer that was given to a question: recorded, or still in the inbox."""
    seq = state.requests[name][3]
    if seq:
        event = store.event(state.run_id, seq)
        fields = event.fields
        payload = None
        if event.encoding is not None and event.payload is not None:
            payload = Payload(event.encoding, event.payload, fields.get("preview"))
        return Given(payload, fields.get("actor"), event.when)
    for message in inbox:
        if message.id == answer_id(name) and message.kind == ANSWER:
            body = body_of(message)
            return Given(body.payload, body.actor, moment(message.time))
    return None


def _open_ids(state: RunState, store: Store) -> str:
    found = [item.request_id for item in open_requests(state, store)]
    return "Open are: " + ", ".join(map(repr, found)) if found else "See durable waiting for what other runs wait for"


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")
