"""What must hold for every log, and between a log and its witness, wherever processes were killed.

Each law takes what was read and yields one line for each breach. The laws do not use the fold or the
transition table, so that a fault in those does not hide itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from durable.core.events import Event
from durable.testing.crash.witness import ACKNOWLEDGED, RETURNED, STARTED, Line

_VERDICTS = frozenset({"GroupSucceeded", "GroupFailed"})


class Evidence(msgspec.Struct, frozen=True):
    """What was read after a process had ended.

    Attributes:
        events: the whole log; appends: last seq of each append.
        lines: what the witness holds.
        before: the log when it was last read.
    """

    events: Sequence[Event]
    appends: Sequence[int]
    lines: Sequence[Line]
    before: Sequence[Event] = ()


def nothing_acknowledged_is_lost(found: Evidence) -> Iterator[str]:
    """Every append that was acknowledged is in the log."""
    last = len(found.events)
    for line in found.lines:
        if line.what == ACKNOWLEDGED and line.number > last:
            yield f"the append up to seq {line.number} was acknowledged, and the log ends at seq {last}"


def logs_only_grow(found: Evidence) -> Iterator[str]:
    """What was in the log once stays there as it was."""
    for was, now in zip(found.before, found.events, strict=False):
        if was != now:
            yield f"seq {was.seq} was {was.type} {was.task_id}, and is {now.type} {now.task_id}, or differs in its data"
    if len(found.before) > len(found.events):
        yield f"the log had {len(found.before)} events and has {len(found.events)}"


def bodies_start_once_recorded(found: Evidence) -> Iterator[str]:
    """A body starts once for each recorded start of an attempt, and after that record was acknowledged."""
    starts = {(event.task_id, event.attempt): event.seq for event in found.events if event.type == "TaskStarted"}
    acknowledged = 0
    seen = set()
    for line in found.lines:
        if line.what == ACKNOWLEDGED:
            acknowledged = max(acknowledged, line.number)
        elif line.what == STARTED:
            key = (line.task_id, line.number)
            if key not in starts:
                yield f"attempt {line.number} of {line.task_id!r} ran, and its start is not recorded"
            elif starts[key] > acknowledged:
                yield f"attempt {line.number} of {line.task_id!r} ran before its start was acknowledged"
            if key in seen:
                yield f"attempt {line.number} of {line.task_id!r} ran twice"
            seen.add(key)


def successes_are_true(found: Evidence) -> Iterator[str]:
    """Every recorded success is that of a body which returned."""
    returned = {(line.task_id, line.number) for line in found.lines if line.what == RETURNED}
    for event in found.events:
        if event.type == "TaskSucceeded" and (event.task_id, event.attempt) not in returned:
            yield f"seq {event.seq}: success of attempt {event.attempt} of {event.task_id!r}, which never returned"


def successes_are_final(found: Evidence) -> Iterator[str]:
    """Nothing is recorded for a task after its success, unless a policy asked for it again."""
    done: set[str | None] = set()
    for batch in _appends(found):
        asked = any(event.type == "GroupRetryRequested" for event in batch)
        for event in batch:
            if event.task_id in done and event.type == "TaskReopened" and asked:
                done.discard(event.task_id)
            elif event.task_id in done and event.type.startswith("Task"):
                yield f"seq {event.seq}: {event.type} of {event.task_id!r} follows its success"
            elif event.type == "TaskSucceeded":
                done.add(event.task_id)


def one_verdict_a_round(found: Evidence) -> Iterator[str]:
    """A group gets one verdict, until it is opened again."""
    judged = set()
    for event in found.events:
        if event.type == "GroupReopened":
            judged.discard(event.task_id)
        elif event.type in _VERDICTS:
            if event.task_id in judged:
                yield f"seq {event.seq}: group {event.task_id!r} got a second verdict, {event.type}"
            judged.add(event.task_id)


def effects_come_with_their_cause(found: Evidence) -> Iterator[str]:
    """What an attempt or a policy wrote is in the same append as the success or verdict it belongs to."""
    for batch in _appends(found):
        causes = {event.task_id for event in batch if event.type in _CAUSES}
        for event in batch:
            if event.type in ("ChannelWritten", "MetadataWritten") and event.task_id not in {None, *causes}:
                yield f"seq {event.seq}: what {event.task_id!r} wrote was committed without its success"


def _appends(found: Evidence) -> Iterator[Sequence[Event]]:
    """The log, append by append."""
    begin = 0
    for last in found.appends:
        yield found.events[begin:last]
        begin = last


_CAUSES = frozenset({"TaskSucceeded", "GroupSucceeded", "GroupFailed", "GroupRetryRequested"})

LAWS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    nothing_acknowledged_is_lost,
    logs_only_grow,
    bodies_start_once_recorded,
    successes_are_true,
    successes_are_final,
    one_verdict_a_round,
    effects_come_with_their_cause,
)


def breaches(found: Evidence) -> list[str]:
    """Return one line for each breach of a law."""
    return [f"{line} ({law.__name__})" for law in LAWS for line in law(found)]
