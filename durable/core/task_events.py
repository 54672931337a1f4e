"""Constructors of the events about tasks and groups: one function a type, its arguments are the type's fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from durable.core.events import Draft, Encoded, draft, preview_of

_STARTED = Draft("TaskStarted")
_NOTHING_RETURNED = Draft("TaskSucceeded")


def task_started() -> Draft:
    """An attempt was handed to an executor."""
    return _STARTED


def task_succeeded(value: Encoded | None = None, *, taken: Sequence[str] | None = None) -> Draft:
    """An attempt returned.

    Args:
        value: payload: the result
        preview: the result, for people
        taken: ids of the successors that are taken; all of them when it is left out
    """
    if value is None:
        return _NOTHING_RETURNED if taken is None else draft("TaskSucceeded", taken=taken)
    if value.preview is None and taken is None:  # as most do
        return Draft("TaskSucceeded", None, value.encoding, value.data)
    return draft("TaskSucceeded", value, preview=value.preview, taken=taken)


def task_iterated(arguments: Encoded | None, *, iteration: int) -> Draft:
    """An attempt returned and asked for another iteration of its task.

    Args:
        arguments: payload: the next iteration's arguments
        iteration: the number of the next one
        preview: the arguments, for people
    """
    return draft("TaskIterated", arguments, iteration=iteration, preview=preview_of(arguments))


def task_suspended(waiting: Sequence[str]) -> Draft:
    """An attempt waits for longer than a thread is held for; its body starts again from the top afterwards.

    Args:
        waiting: the durable calls that it waits for
    """
    return draft("TaskSuspended", waiting=waiting)


def task_failed(details: Encoded, *, error: str) -> Draft:
    """A task failed for good.

    Args:
        details: payload: the whole error: type, message, traceback, cause
        error: type and message, shortened
    """
    return draft("TaskFailed", details, error=error)


def task_timed_out(details: Encoded, *, error: str) -> Draft:
    """A task ran out of time for good.

    Args:
        details: payload: the whole error: type, message, traceback, cause
        error: type and message, shortened
    """
    return draft("TaskTimedOut", details, error=error)


def task_retry_scheduled(details: Encoded, *, error: str, due: int, cause: str) -> Draft:
    """An attempt failed and another one will follow.

    Args:
        details: payload: the whole error: type, message, traceback, cause
        error: type and message, shortened
        due: when, in microseconds since 1970
        cause: failed or timed_out
    """
    return draft("TaskRetryScheduled", details, error=error, due=due, cause=cause)


def task_interrupted(*, counted: bool, reason: str | None = None) -> Draft:
    """An attempt ended without an outcome because its drive did, or the process that ran its body.

    Args:
        counted: whether it counts against the attempts that the task has
        reason: how its process died
    """
    return draft("TaskInterrupted", counted=counted, reason=reason)


def task_cancelled(reason: str) -> Draft:
    """A running task was not needed any more.

    Args:
        reason: why
    """
    return draft("TaskCancelled", reason=reason)


def task_skipped(reason: str) -> Draft:
    """A task that had not started will not start.

    Args:
        reason: why
    """
    return draft("TaskSkipped", reason=reason)


def task_reopened(reason: str) -> Draft:
    """A task may run again, with a fresh budget.

    Args:
        reason: why
    """
    return draft("TaskReopened", reason=reason)


def group_started() -> Draft:
    """A group's members may start."""
    return draft("GroupStarted")


def group_succeeded(
    *, policy: Any, actor: str | None = None, reason: str | None = None, taken: Sequence[str] | None = None
) -> Draft:
    """The policy's verdict: success.

    Args:
        policy: the policy that judged
        taken: ids of the successors that are taken; all of them when it is left out
        actor: who asked
        reason: why
    """
    return draft("GroupSucceeded", policy=policy, actor=actor, reason=reason, taken=taken)


def group_failed(
    details: Encoded, *, policy: Any, error: str, actor: str | None = None, reason: str | None = None
) -> Draft:
    """The policy's verdict: failure.

    Args:
        details: payload: what the policy said: message, failed_tasks, successful_tasks
        policy: the policy that judged
        error: type and message, shortened
        actor: who asked
        reason: why
    """
    return draft("GroupFailed", details, policy=policy, actor=actor, reason=reason, error=error)


def group_retry_requested(members: Sequence[str]) -> Draft:
    """The policy asked for another attempt of members instead of a verdict.

    Args:
        members: ids
    """
    return draft("GroupRetryRequested", members=members)


def group_reopened(*, policy: Any = None, actor: str | None = None, reason: str | None = None) -> Draft:
    """A failed group will be re-evaluated.

    Args:
        policy: the policy that will judge
        actor: who asked
        reason: why
    """
    return draft("GroupReopened", policy=policy, actor=actor, reason=reason)


def group_cancelled(reason: str) -> Draft:
    """A running group was not needed any more.

    Args:
        reason: why
    """
    return draft("GroupCancelled", reason=reason)


def group_skipped(reason: str) -> Draft:
    """A group that had not started will not start.

    Args:
        reason: why
    """
    return draft("GroupSkipped", reason=reason)
