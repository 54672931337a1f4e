"""What a store says, as plain data: the lists beside the stores are made of this, and compared with it.

It is the only file of the golden tests that reads what is not public: a run's channel, metadata and errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import ModuleType
from typing import Any

from durable import (
    CheckpointManager,
    DurableError,
    ErrorRecord,
    Event,
    FeedbackManager,
    Run,
    RunSuspended,
    Store,
    open_run,
    open_store,
)
from durable.testing import FakeClock
from tests.golden.golden import live_workflow
from tests.golden.texts import clipped, text, texts

PAST_LEASES = 60_000_000
"""Microseconds after a run's last event at which it is read: leases of drives that died are over then."""

SHOWN = 40
"""Lines of a log that are listed; of a longer one the first and last of them, and a digest of all."""

_VALUES = {
    "TaskSucceeded", "TaskIterated", "ChannelWritten", "MetadataWritten", "StepSucceeded", "TaskCheckpointed",
    "SignalReceived", "FeedbackAnswered", "RunSucceeded",
}  # fmt: skip


def opened(url: str, at: int) -> Store:
    """Open a store at a moment of its own time, microseconds since 1970."""
    return open_store(url, clock=FakeClock(at))


def facts(url: str, run_id: str, at: int, program: ModuleType) -> dict[str, Any]:
    """Return what the store says of a run at that moment."""
    with opened(url, at) as store:
        run = open_run(run_id, store)
        info = run.info
        said: dict[str, Any] = {"status": info.shown_status, "workflow": info.workflow, "events": info.seq, "at": at}
        if info.pruned is not None:
            return said | {"pruned": text(info.pruned)}
        state = run.load_state()
        workflow = live_workflow(program, info.workflow)
        said |= {
            "result": result(run),
            "tasks": {name: state.node_status(name) for name in sorted(state.index)},
            "values": texts(run.results),
            "groups": {name: group(run, name) for name in sorted(state.index) if _is_group(run, name)},
            "channel": channel(run),
            "metadata": metadata(run),
            "questions": questions(store, run_id),
            "checkpoints": [ref.seq for ref in CheckpointManager(store=store).list(run_id)],
            "plan": plan(run, workflow),
            "log": log(run),
        }
        return {name: one for name, one in said.items() if one not in ({}, [])}


def result(run: Run) -> str:
    """Return what ``run.result()`` returns or raises."""
    try:
        return text(run.result())
    except RunSuspended as error:
        return f"raises RunSuspended: {', '.join(sorted(error.waiting))}"  # members wait in any order
    except DurableError as error:
        error.run_id = error.hint = None  # a fork's id and the store's place differ
        record = getattr(error, "error", None)
        more = f" from {_record(record)}" if isinstance(record, ErrorRecord) else ""
        return clipped(f"raises {type(error).__name__}: {error}{more}")


def end(run: Run, program: ModuleType) -> dict[str, Any]:
    """Return how a run has ended that went on, and which bodies the program began for it."""
    return {
        "status": run.status,
        "result": result(run),
        "bodies": shortened(sorted(program.bodies)),
        "values": texts(run.results),
        "channel": channel(run),
    }


def group(run: Run, name: str) -> dict[str, str]:
    """Return what is recorded of a group's members."""
    return {member: _member(one) for member, one in run.task_results(name).items()}


def _member(one: Any) -> str:
    how = f"{one.status}, attempts {one.attempts}"
    return f"{how}: {one.error_message}" if not one.success else f"{how}: {text(one.value)}"


def _is_group(run: Run, name: str) -> bool:
    try:
        run.task_results(name)
    except DurableError:
        return False
    return True


def channel(run: Run) -> dict[str, str]:
    """Return the channel's values."""
    view = run.view()
    return {key: text(view.read_channel(key, cell)) for key, cell in sorted(view.channel.items())}


def metadata(run: Run) -> dict[str, str]:
    """Return the metadata's values."""
    view = run.view()
    return {key: text(view.load(seq)) for key, seq in sorted(view.metadata.items())}


def questions(store: Store, run_id: str) -> dict[str, str]:
    """Return the questions that are open."""
    return {one.request_id: text(one.request) for one in FeedbackManager(store).list_pending(run_id)}


_MOVED = "order of tasks"
"""What is reported of a definition that differs in nothing but the place of its file, which differs here always."""


def plan(run: Run, workflow: Any) -> list[str]:
    """Return what a resume would do."""
    found = run.plan(workflow)
    heads = [f"resumes: {found.resumes}", *(f"diverges: {one}" for one in found.divergence)]
    heads += [f"reported: {one}" for one in found.reported if one != _MOVED]
    return shortened(heads + [f"{item.id}: {item.action}, {item.why}" for item in found.items])


def log(run: Run) -> list[str]:
    """Return a line for each event."""
    return shortened([line(run, event) for event in run.events()])


def line(run: Run, event: Event) -> str:
    """Return an event on one line, with its value or its error."""
    attempt = f" #{event.attempt}" if event.attempt else ""
    head = f"{event.seq} {event.type} {event.task_id or '-'}{attempt}"
    fields = "" if event.data is None else f" {_fields(event.fields)}"
    return f"{head}{fields}{_payload(run, event)}"


def _fields(fields: Mapping[str, Any]) -> str:
    return clipped(" ".join(f"{name}={text(value)}" for name, value in fields.items() if name not in _UNSTABLE))


_UNSTABLE = ("owner",)


def _payload(run: Run, event: Event) -> str:
    if event.payload is None:
        return ""
    if event.type in _VALUES:
        return f" [{_kind(event)}] = {text(run.view().load(event.seq))}"
    if event.type in ("TaskFailed", "TaskTimedOut", "TaskRetryScheduled"):
        return f" [{_kind(event)}] = {_record(run.view().load_error(event.seq))}"
    return f" [{_kind(event)}] {sha256(event.payload).hexdigest()[:12]}"


def _kind(event: Event) -> str:
    return (event.encoding or "").partition("hmac:")[0].rstrip("+")


def _record(record: ErrorRecord) -> str:
    cause = f" from {_record(record.cause)}" if record.cause is not None else ""
    return f"{record.type}: {record.message} ({len(record.traceback)} characters of traceback){cause}"


def shortened(lines: list[str]) -> list[str]:
    """Return the lines, or of very many the first and last ones and a digest of all."""
    if len(lines) <= 6 * SHOWN:
        return lines
    digest = sha256("\n".join(lines).encode()).hexdigest()[:12]
    return [*lines[: SHOWN // 2], f"… {len(lines)} lines, digest {digest}", *lines[-SHOWN // 2 :]]
