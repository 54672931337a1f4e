"""Constructors of the events about a run as a whole: one function a type, its arguments are the type's fields."""

from __future__ import annotations

from collections.abc import Sequence

from durable.core.events import LOG_FORMAT, Draft, Encoded, draft, encode_fields


def run_created(
    definition: Encoded,
    *,
    workflow: str,
    version: str | None = None,
    file: str | None = None,
    start: str | None = None,
    input: str | None = None,
    max_steps: int | None = None,
    deadline: float | None = None,
    format: int = LOG_FORMAT,
) -> Draft:
    """A run exists, with its definition and its input.

    Args:
        definition: payload: the definition, as JSON
        format: version of the log's meaning
        workflow: name of the workflow
        version: the workflow's declared version
        file: file that defines it
        start: id of the task it starts from, if not from all roots
        input: digest of the initial values
        max_steps: how many attempts the run may start
        deadline: seconds, by the wall clock, that the run may take
    """
    return draft(
        "RunCreated", definition, format=format, workflow=workflow, version=version, file=file, start=start,
        input=input, max_steps=max_steps, deadline=deadline,
    )  # fmt: skip


def run_continued(owner: str, found: str, *, actor: str | None = None, reason: str | None = None) -> Draft:
    """A new drive took over an interrupted run.

    Args:
        owner: the drive
        found: why it had stopped
        actor: who asked
        reason: why
    """
    return draft("RunContinued", owner=owner, found=found, actor=actor, reason=reason)


def run_interrupted(reason: str | None) -> Draft:
    """A drive stopped gracefully.

    Args:
        reason: what stopped it
    """
    return draft("RunInterrupted", reason=reason)


def run_suspended(waiting: Sequence[str], due: int | None = None) -> Draft:
    """The run waits until somebody answers, a signal comes or a timer is due; no process is needed.

    Args:
        waiting: what the run waits for, one line each
        due: when the first timer is, microseconds since 1970
    """
    return draft("RunSuspended", waiting=waiting, due=due)


def run_resumed(*, actor: str | None = None, reason: str | None = None) -> Draft:
    """A failed run was reopened, with fresh budgets.

    Args:
        actor: who asked
        reason: why
    """
    return draft("RunResumed", actor=actor, reason=reason)


def run_forked(
    run: str, seq: int, again: Sequence[str] | None = None, *, actor: str | None = None, reason: str | None = None
) -> Draft:
    """The run begins with a copy of another run's events.

    Args:
        run: the other run
        seq: its last event that was looked at
        again: field from: tasks to be done again
        actor: who asked
        reason: why
    """
    fields = {"run": run, "seq": seq, "from": again or None, "actor": actor, "reason": reason}
    return Draft("RunForked", encode_fields(fields))


def run_succeeded(
    result: Encoded | None = None,
    *,
    terminated: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> Draft:
    """Everything that had to be done was done, or somebody ended the run early.

    Args:
        result: payload: the result, when it was ended early
        terminated: the task that ended it early; empty for somebody outside
        actor: who asked
        reason: why
    """
    return draft("RunSucceeded", result, terminated=terminated, actor=actor, reason=reason)


def run_failed(error: str) -> Draft:
    """Something failed that no verdict had settled.

    Args:
        error: type and message, shortened
    """
    return draft("RunFailed", error=error)


def run_cancelled(*, actor: str | None = None, reason: str | None = None) -> Draft:
    """The run was cancelled, for good.

    Args:
        actor: who asked
        reason: why
    """
    return draft("RunCancelled", actor=actor, reason=reason)


def definition_changed(
    definition: Encoded,
    *,
    changes: Sequence[str],
    accepted: bool,
    actor: str | None = None,
    reason: str | None = None,
) -> Draft:
    """From here on the run follows another version of the definition.

    Args:
        definition: payload: the definition, as JSON
        changes: what differs, one line each
        accepted: whether it differs before the frontier
        actor: who asked
        reason: why
    """
    return draft("DefinitionChanged", definition, changes=changes, accepted=accepted, actor=actor, reason=reason)
