"""Events: the immutable facts of a run's log, and the catalogue of all of them.

An event is one row: its columns are the same in memory, in the digest and in every store, so that a
replay folds rows as they are read. What a type adds stands in ``data``, a small JSON object that is
decoded only when somebody asks. It must not know how events are stored or what they lead to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

LOG_FORMAT = 1
"""Version of the events' meaning. A run created under another one is refused by name."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One immutable fact of a run's log.

    Attributes:
        seq: position in the run's log: 1, 2, 3 and so on, without gaps.
        time: when it happened, microseconds since 1970 in UTC.
        type: its name in the past tense, a key of ``EVENTS``.
        task_id: the task or group it is about; None for the run itself.
        attempt: the attempt it is about, from 1; 0 where that has no meaning.
        data: the type's own fields as the text of a JSON object; None when it has none.
        encoding: how ``payload`` is encoded (see ``durable.values.payloads``); None without one.
        payload: the encoded value; None without one.
    """

    seq: int
    time: int
    type: str
    task_id: str | None = None
    attempt: int = 0
    data: str | None = None
    encoding: str | None = None
    payload: bytes | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The type's own fields, decoded."""
        return _decode(self.data) if self.data else {}

    @property
    def when(self) -> datetime:
        """The time as an aware UTC datetime."""
        return EPOCH + timedelta(microseconds=self.time)


def encode_fields(fields: Mapping[str, Any]) -> str | None:
    """Turn a type's own fields into ``Event.data``; fields that are None are left out."""
    kept = {name: value for name, value in fields.items() if value is not None}
    return _encode(kept).decode() if kept else None


class EventKind(msgspec.Struct, frozen=True):
    """What the catalogue says of one type of event.

    Attributes:
        subject: whose status it moves: "run", "task" or "group"; "value" for data that moves none.
        meaning: one sentence for people.
        fields: the names that may stand in ``data``, with what they mean.
        payload: what the payload holds; empty when the type has none.
    """

    subject: str
    meaning: str
    fields: dict[str, str] = {}
    payload: str = ""


_ERROR = {"error": "type and message, shortened"}
_FULL_ERROR = "the whole error: type, message, traceback, cause"
_TAKEN = "ids of the successors that are taken; all of them when it is left out"
_MARK = {"mark": "which durable call of the body it is"}
_ASKED = {"actor": "who asked", "reason": "why"}

EVENTS: dict[str, EventKind] = {
    "RunCreated": EventKind(
        "run",
        "A run exists, with its definition and its input.",
        {
            "format": "version of the log's meaning",
            "workflow": "name of the workflow",
            "version": "the workflow's declared version",
            "file": "file that defines it",
            "start": "id of the task it starts from, if not from all roots",
            "input": "digest of the initial values",
            "max_steps": "how many attempts the run may start",
            "deadline": "seconds, by the wall clock, that the run may take",
        },
        "the definition, as JSON",
    ),
    "RunContinued": EventKind(
        "run",
        "A new drive took over an interrupted run.",
        {"owner": "the drive", "found": "why it had stopped", **_ASKED},
    ),
    "RunInterrupted": EventKind("run", "A drive stopped gracefully.", {"reason": "what stopped it"}),
    "RunSuspended": EventKind(
        "run",
        "Nothing can go on before somebody answers, a signal comes or a timer is due; no process is needed.",
        {"waiting": "what the run waits for, one line each", "due": "when the first timer is, microseconds since 1970"},
    ),
    "RunResumed": EventKind("run", "A failed run was opened again, with fresh budgets.", _ASKED),
    "RunForked": EventKind(
        "run",
        "The run begins with a copy of another run's events.",
        {
            "run": "the other run",
            "seq": "its last event that was looked at",
            "from": "tasks to be done again",
            **_ASKED,
        },
    ),
    "RunSucceeded": EventKind(
        "run",
        "Everything that had to be done was done, or somebody ended the run early.",
        {"terminated": "the task that ended it early; empty for somebody outside", **_ASKED},
        "the result, when it was ended early",
    ),
    "RunFailed": EventKind("run", "Something failed that no verdict had settled.", _ERROR),
    "RunCancelled": EventKind("run", "The run was cancelled, for good.", _ASKED),
    "DefinitionChanged": EventKind(
        "value",
        "From here on the run follows another version of the definition.",
        {"changes": "what differs, one line each", "accepted": "whether it differs before the frontier", **_ASKED},
        "the definition, as JSON",
    ),
    "TaskStarted": EventKind("task", "An attempt was handed to an executor."),
    "TaskSucceeded": EventKind(
        "task",
        "An attempt returned.",
        {"preview": "the result, for people", "taken": _TAKEN},
        "the result",
    ),
    "TaskIterated": EventKind(
        "task",
        "An attempt returned and asked for another iteration of its task.",
        {"iteration": "the number of the next one", "preview": "the arguments, for people"},
        "the next iteration's arguments",
    ),
    "TaskSuspended": EventKind(
        "task",
        "An attempt waits for longer than a thread is held for; its body starts again from the top afterwards.",
        {"waiting": "the marks that it waits for"},
    ),
    "TaskFailed": EventKind("task", "A task failed for good.", _ERROR, _FULL_ERROR),
    "TaskTimedOut": EventKind("task", "A task ran out of time for good.", _ERROR, _FULL_ERROR),
    "TaskRetryScheduled": EventKind(
        "task",
        "An attempt failed and another one will follow.",
        {**_ERROR, "due": "when, in microseconds since 1970", "cause": "failed or timed_out"},
        _FULL_ERROR,
    ),
    "TaskInterrupted": EventKind(
        "task",
        "An attempt ended without an outcome because its drive did, or the process that ran its body.",
        {"counted": "whether it counts against the attempts that the task has", "reason": "how its process died"},
    ),
    "TaskCancelled": EventKind("task", "A running task was not needed any more.", {"reason": "why"}),
    "TaskSkipped": EventKind("task", "A task that had not started will not start.", {"reason": "why"}),
    "TaskReopened": EventKind("task", "A task may run again, with a fresh budget.", {"reason": "why"}),
    "GroupStarted": EventKind("group", "A group's members may start."),
    "GroupSucceeded": EventKind(
        "group", "The policy's verdict: success.", {"policy": "the policy that judged", "taken": _TAKEN, **_ASKED}
    ),
    "GroupFailed": EventKind(
        "group",
        "The policy's verdict: failure.",
        {"policy": "the policy that judged", **_ERROR, **_ASKED},
        "what the policy said: message, failed_tasks, successful_tasks",
    ),
    "GroupRetryRequested": EventKind(
        "group", "The policy asked for another attempt of members instead of a verdict.", {"members": "ids"}
    ),
    "GroupReopened": EventKind(
        "group", "A failed group will be judged again.", {"policy": "the policy that will judge", **_ASKED}
    ),
    "GroupCancelled": EventKind("group", "A running group was not needed any more.", {"reason": "why"}),
    "GroupSkipped": EventKind("group", "A group that had not started will not start.", {"reason": "why"}),
    "ChannelWritten": EventKind(
        "value",
        "An attempt changed the channel; committed together with the attempt's success.",
        {
            "op": "set, delete, append, prepend or add",
            "key": "the key",
            "amount": "what was added",
            "preview": "the value, for people",
        },
        "the value",
    ),
    "MetadataWritten": EventKind(
        "value",
        "An attempt or a policy changed the run's metadata.",
        {"op": "set or delete", "key": "the key", "preview": "the value, for people"},
        "the value",
    ),
    "TasksScheduled": EventKind(
        "value",
        "An attempt scheduled tasks; committed together with the attempt's success.",
        {"count": "how many tasks"},
        "the tasks, groups and edges, as JSON",
    ),
    "MembersAdded": EventKind(
        "value",
        "Members of a map were made of items, before any of them starts.",
        {
            "count": "how many",
            "keys": "of each, if they have keys",
            "digest": "of the items, as they were read",
            "last": "whether there will be no more",
            "expected": "how many there will be in all, if that is known",
            "cut": "whether that is so because the map's time was over, although its items were not read to the end",
            "sources": "the events whose values the items are, if they are not in the payload",
        },
        "the items, if no other event has them",
    ),
    "StepSucceeded": EventKind(
        "value",
        "A step inside a body returned; a later attempt gets the recorded value.",
        {**_MARK, "name": "the step's function", "preview": "the value, for people"},
        "the value",
    ),
    "CursorMoved": EventKind(
        "value",
        "A body finished another item of a tracked loop.",
        {**_MARK, "name": "the loop's key function", "position": "items finished", "key": "of the last one"},
        "what the item's iteration wrote, to be published with the task's success",
    ),
    "TaskCheckpointed": EventKind(
        "value", "A body saved its state for its next attempt.", {"preview": "the state, for people"}, "the state"
    ),
    "TimerStarted": EventKind("value", "A body sleeps.", {**_MARK, "due": "until when, microseconds since 1970"}),
    "TimerFired": EventKind("value", "A sleep is over.", _MARK),
    "SignalAwaited": EventKind(
        "value",
        "A body waits for a signal.",
        {**_MARK, "name": "the signal", "due": "until when, microseconds since 1970"},
    ),
    "SignalReceived": EventKind(
        "value",
        "A signal came; the oldest wait for that name has it, else the next one.",
        {"name": "the signal", "id": "chosen by the sender", "preview": "the value, for people", **_ASKED},
        "the value",
    ),
    "FeedbackRequested": EventKind(
        "value",
        "A question to a person was asked.",
        {**_MARK, "id": "of the request", "due": "when it expires, microseconds since 1970"},
        "the question: type, message, options, form, channel key",
    ),
    "FeedbackAnswered": EventKind(
        "value",
        "A person answered.",
        {**_MARK, "id": "of the request", "preview": "the answer, for people", **_ASKED},
        "the answer",
    ),
    "WaitExpired": EventKind("value", "A wait for a signal or for an answer passed its time.", _MARK),
    "PromptRendered": EventKind(
        "value",
        "An attempt rendered a prompt; recorded with its outcome.",
        {"prompt": "its name", "label": "its label", "version": "its version", "digest": "of its template"},
    ),
}
"""Every type of event. The docs' catalogue is generated from it."""
