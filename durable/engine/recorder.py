"""Recorder: from what happened to an attempt to the events that say so."""

from __future__ import annotations

import random
from typing import Any

from durable.core.events import encode_fields
from durable.definition.compile import Compiled
from durable.engine.attempt import Attempt
from durable.engine.changes import UNFINISHED
from durable.engine.journal import Journal
from durable.engine.running import Running
from durable.engine.stop import BrokenOff
from durable.errors import AttemptEnded, RunInterrupted, TaskTimedOut
from durable.failures import encode_error, record_error

_CAUSES = 100
"""Live exceptions that are kept for the caller: they hold on to frames, and a batch may have many."""


class Recorder:
    """Records completions and time-outs of one drive.

    Args:
        journal: where events go.
        running: what runs now.
        code: the live tasks, for their retry policies.

    Attributes:
        causes: the original exceptions of failed tasks and groups, by node.
    """

    def __init__(self, journal: Journal, running: Running, code: Compiled) -> None:
        self.causes: dict[int, BaseException] = {}
        self._journal = journal
        self._running = running
        self._code = code

    def completed(self, attempt: Attempt) -> None:
        """Record an attempt that returned or raised; one that was given up is ignored."""
        if not self._running.finished(attempt):
            return
        error = attempt.error
        if error is None:
            journal = self._journal
            if attempt.effects:
                journal.emit_writes(attempt.effects, attempt.task.task_id, attempt.number)
            payload = attempt.payload
            data = None
            if payload is not None and payload.preview is not None:
                data = encode_fields({"preview": payload.preview})
            journal.emit("TaskSucceeded", attempt.task.task_id, attempt.number, data, payload, attempt.ended)
        elif isinstance(error, (BrokenOff, RunInterrupted)):  # the latter comes from a run inside the body
            self.interrupted(attempt)
        else:
            self._failed(attempt.node, attempt.number, error, attempt.ended)

    def interrupted(self, attempt: Attempt) -> None:
        """Record that a graceful stop ended an attempt; that does not count against its task."""
        data = encode_fields({"counted": False})
        self._journal.emit("TaskInterrupted", attempt.task.task_id, attempt.number, data)

    def time_out(self) -> None:
        """Record everything whose time has run out."""
        for node in self._running.out_of_time():
            if self._journal.state.graph.is_group(node):
                self._group_timed_out(node)
            elif node in self._running.attempts:
                self._attempt_timed_out(self._running.attempts[node])

    def _attempt_timed_out(self, attempt: Attempt) -> None:
        self._running.give_up(attempt.node, "timed out")
        error = TaskTimedOut(
            f"attempt {attempt.number} took longer than its timeout of {attempt.task.timeout:g} s",
            run_id=self._journal.state.run_id,
            task_id=attempt.task.task_id,
        )
        self._failed(attempt.node, attempt.number, error, self._journal.now())

    def _group_timed_out(self, group: int) -> None:
        state = self._journal.state
        spec = state.graph.group(group)
        for node in state.graph.subtree(group):
            if state.graph.is_group(node) or state.nodes[node] not in UNFINISHED:
                continue
            self._running.give_up(node, "its group timed out")
            name = state.graph.ids[node]
            error = TaskTimedOut(
                f"its group {spec.id!r} took longer than its timeout of {spec.timeout:g} s",
                run_id=state.run_id,
                task_id=name,
            )
            record = record_error(error)
            data = encode_fields({"error": record.line})
            self._journal.emit("TaskTimedOut", name, state.attempts[node], data, encode_error(record))

    def _failed(self, node: int, number: int, error: BaseException, time: int) -> None:
        """Record a failed or timed-out attempt: for good, or with another one to follow."""
        name = self._journal.state.graph.ids[node]
        record = record_error(error)
        timed_out = isinstance(error, TaskTimedOut)
        fields: dict[str, Any] = {"error": record.line}
        due = self._next_attempt(node, name, error)
        if due is not None:
            kind = "TaskRetryScheduled"
            fields |= {"due": due, "cause": "timed_out" if timed_out else "failed"}
        else:
            kind = "TaskTimedOut" if timed_out else "TaskFailed"
            if len(self.causes) < _CAUSES:
                self.causes[node] = error
        self._journal.emit(kind, name, number, encode_fields(fields), encode_error(record), time)

    def _next_attempt(self, node: int, name: str, error: BaseException) -> int | None:
        """When the task is tried again, microseconds since 1970; None when it is not."""
        retry = self._code.tasks[name].retry
        spent = self._journal.state.spent.get(node, 0) + 1
        if retry is None or spent >= retry.max_attempts or isinstance(error, AttemptEnded) or not retry.retries(error):
            return None
        delay = retry.delay(spent, random.random() if retry.jitter else 0.5)
        return self._journal.now() + int(delay * 1e6)
