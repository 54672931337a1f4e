"""Inbox: from messages that were sent to a run to the events that say so."""

from __future__ import annotations

from durable.context.effects import Write
from durable.core.events import encode_fields
from durable.core.durable_calls import find
from durable.core.transitions import ENDED
from durable.engine.journal import Journal
from durable.engine.messages import ANSWER, SIGNAL, SIGNAL_ID, Body, body_of
from durable.values.payloads import decode, encode
from durable.store import Message


class Inbox:
    """Takes signals and answers of one drive; the drive itself takes what ends a run.

    Args:
        journal: where events go.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seen: set[str] = set(journal.consume)

    def take(self, message: Message) -> bool:
        """Record a signal or an answer, once; False for a message of another kind."""
        if message.id in self._seen:
            return True
        if message.kind not in (SIGNAL, ANSWER):
            return False
        self._seen.add(message.id)
        self._journal.consume.append(message.id)
        if message.kind == SIGNAL:
            self._signal(message, body_of(message))
        else:
            self._answer(message, body_of(message))
        return True

    def _alive(self, node: int) -> bool:
        """Whether the task may still see an answer."""
        return self._journal.state.nodes[node] not in ENDED

    def _signal(self, message: Message, body: Body) -> None:
        self._expire(body.name, message.time)
        fields = {
            "name": body.name,
            "id": message.id.removeprefix(SIGNAL_ID),
            "preview": body.preview,
            "actor": body.actor,
            "reason": body.reason,
        }
        self._journal.emit("SignalReceived", data=encode_fields(fields), payload=body.payload)

    def _expire(self, name: str, sent: int) -> None:
        """End the waits for a signal whose time was up when it was sent: it is for the next one."""
        state = self._journal.state
        for node, path, seq in tuple(state.listening.get(name, ())):
            mark = find(state.marks.get(node), path)
            if mark is not None and mark.seq == seq and mark.waits and 0 < mark.due < sent:
                data = encode_fields({"mark": path})
                self._journal.emit("WaitExpired", state.graph.ids[node], state.attempts[node], data)

    def _answer(self, message: Message, body: Body) -> None:
        """Record an answer and write it where the question says; one that comes too late is dropped."""
        from durable.definition.questions import channel_writes, decode_request

        journal, state = self._journal, self._journal.state
        request = state.requests.get(body.name)
        mark = find(state.marks.get(request[0]), request[1]) if request is not None else None
        in_time = mark is not None and mark.waits and (not mark.due or message.time <= mark.due)
        if request is None or mark is None or mark.seq != request[2] or not in_time or not self._alive(request[0]):
            import logging  # 3 ms, for what hardly ever happens

            logging.getLogger("durable.engine").warning(
                "run %s: an answer to %r came too late and is dropped", state.run_id, body.name
            )
            return
        node, path, seq, _ = request
        task_id, attempt, payload = state.graph.ids[node], state.attempts[node], body.payload
        event = journal.view.event(seq)
        question = decode_request(event.encoding, event.payload)
        value = None if payload is None else decode(payload.encoding, payload.data)
        writes = [Write("channel", "set", key, encode(part)) for key, part in channel_writes(question, value)]
        journal.emit_writes(writes, task_id, attempt)
        fields = {
            "mark": path,
            "id": body.name,
            "preview": body.preview,
            "actor": body.actor,
            "reason": body.reason,
        }
        journal.emit("FeedbackAnswered", task_id, attempt, encode_fields(fields), payload)
