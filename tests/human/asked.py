"""Logs of runs that ask, written by hand: no engine and no bodies."""

from __future__ import annotations

from typing import Any

from durable import Store
from durable.core.events import LOG_FORMAT, Event, encode_fields
from durable.core.graph import Definition, TaskSpec
from durable.core.state import RunState
from durable.engine.load import encode_definition, load
from durable.definition.questions import encode_request, make_request
from durable.values.payloads import Payload, encode


class Asked:
    """A run in a store, with tasks that a test lets ask and end.

    Args:
        store: where its log is.
        tasks: ids; each has started.
        run_id: the run.
    """

    def __init__(self, store: Store, *tasks: str, run_id: str = "run") -> None:
        self.store = store
        self.run_id = run_id
        self.lease = store.acquire(run_id, "test")
        self.seq = 0
        definition = Definition("asking", None, tuple(TaskSpec(name) for name in tasks), (), ())
        self.emit("RunCreated", payload=encode_definition(definition), format=LOG_FORMAT, workflow="asking")
        for name in tasks:
            self.emit("TaskStarted", name, 1)

    def emit(
        self,
        type: str,
        task_id: str | None = None,
        attempt: int = 0,
        payload: Payload | None = None,
        consume: tuple[str, ...] = (),
        **fields: Any,
    ) -> None:
        """Append an event."""
        encoding, data = (payload.encoding, payload.data) if payload is not None else (None, None)
        now = self.store.clock.now()
        event = Event(self.seq + 1, now, type, task_id, attempt, encode_fields(fields), encoding, data)
        self.store.append(self.run_id, [event], self.seq, self.lease.token, consume=consume)
        self.seq += 1

    def ask(self, task_id: str, id: str, kind: str = "approval", mark: str = "0", **options: Any) -> None:
        """Let a task ask."""
        request = make_request(id, kind, options.pop("message", "May I?"), **options)
        seconds = request.expires_in
        due = self.store.clock.now() + int(seconds * 1e6) if seconds is not None else None
        self.emit("FeedbackRequested", task_id, 1, encode_request(request), mark=mark, id=id, due=due)

    def record(self, task_id: str, id: str, value: Any, mark: str = "0", **fields: Any) -> None:
        """Record an answer, as a driver does with one in the inbox."""
        consume = (f"answer:{id}",)
        self.emit("FeedbackAnswered", task_id, 1, encode(value), consume, mark=mark, id=id, **fields)

    def suspend(self, *tasks: str) -> None:
        """Let tasks be suspended, and the run with them."""
        for name in tasks:
            self.emit("TaskSuspended", name, 1, waiting=["0"])
        self.emit("RunSuspended")
        self.store.release(self.lease)

    def state(self) -> RunState:
        """Return the folded run."""
        return load(self.store, self.run_id)

    def inbox(self) -> list[str]:
        """Return the ids of the messages that wait."""
        return [message.id for message in self.store.inbox(self.run_id)]
