"""TaskResult, what a policy sees of a task's outcome, and ErrorRecord, an exception as data.

It must not load payloads itself: whoever builds a TaskResult says how its value is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class ErrorRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """An exception as data, so that one that cannot be pickled hurts nobody.

    Attributes:
        type: qualified name of the exception's class, without ``builtins.``.
        message: ``str(exception)``.
        traceback: the traceback's text, of the task's own frames; "" when there is none.
        cause: what it was raised from, or None.
    """

    type: str
    message: str = ""
    traceback: str = ""
    cause: ErrorRecord | None = None

    @property
    def line(self) -> str:
        """Type and message on one line of at most 200 characters."""
        text = f"{self.type}: {self.message}" if self.message else self.type
        text = " ".join(text.split())
        return text if len(text) <= 200 else text[:199] + "…"


class TaskResult:
    """The recorded outcome of one member, as policies and ``ParallelGroup.run`` see it.

    Args:
        task_id: the member's id.
        success: whether it succeeded.
        error_message: why not; None for a success.
        duration: seconds from start to end of the last attempt.
        timestamp: when it ended, seconds since 1970 in UTC.
        status: ``succeeded``, ``failed``, ``cancelled``, ``timed_out`` or ``skipped``.
        attempts: how many attempts were started.
        value: the result, when it is cached.
        error: the recorded error, when it is cached.
        load: returns ``(value, error)`` when either is asked for and not cached.
    """

    __slots__ = (
        "_error",
        "_load",
        "_value",
        "attempts",
        "duration",
        "error_message",
        "keeper",
        "status",
        "success",
        "task_id",
        "timestamp",
    )

    def __init__(
        self,
        task_id: str,
        success: bool,
        error_message: str | None = None,
        duration: float = 0.0,
        timestamp: float = 0.0,
        *,
        status: str | None = None,
        attempts: int = 1,
        value: Any = None,
        error: ErrorRecord | None = None,
        load: Callable[[], tuple[Any, ErrorRecord | None]] | None = None,
    ) -> None:
        self.task_id = task_id
        self.success = success
        self.error_message = error_message
        self.duration = duration
        self.timestamp = timestamp
        self.status = status or ("succeeded" if success else "failed")
        self.attempts = attempts
        self._value = value
        self._error = error
        self._load = load
        self.keeper: object = None
        """What must live as long as the value may be loaded."""

    def load(self) -> None:
        """Bring value and error to hand, while the run's store is open."""
        if self._load is not None:
            self._value, self._error = self._load()
            self._load = None

    @property
    def value(self) -> Any:
        """The task's result, decoded from the recorded bytes; None when it did not succeed."""
        self.load()
        return self._value

    @property
    def error(self) -> ErrorRecord | None:
        """The recorded error; None for a success."""
        self.load()
        return self._error

    def __repr__(self) -> str:
        end = "" if self.success else f", error_message={self.error_message!r}"
        return f"TaskResult({self.task_id!r}, {self.status}, attempts={self.attempts}{end})"
