"""What must hold for every log, and between a log and its witness, wherever processes were killed.

Each law takes what was read and yields one line for each breach. The laws do not use the fold or the
transition table, so that a fault in those does not hide itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from durable.testing.crash.evidence import Evidence
from durable.testing.crash.laws_of_calls import LAWS_OF_CALLS
from durable.testing.crash.witness import ACKNOWLEDGED, RETURNED, STARTED

_VERDICTS = frozenset({"GroupSucceeded", "GroupFailed"})
_CAUSES = frozenset(
    {"TaskSucceeded", "TaskIterated", "GroupSucceeded", "GroupFailed", "GroupRetryRequested", "FeedbackAnswered"}
)
"""What the changes in the same append belong to."""
_EFFECTS = frozenset({"ChannelWritten", "MetadataWritten", "TasksScheduled"})
_RETURNED = frozenset({"TaskSucceeded", "TaskIterated"})
_ENDS_ATTEMPT = frozenset(
    {
        *_RETURNED,
        "TaskSuspended",
        "TaskFailed",
        "TaskTimedOut",
        "TaskRetryScheduled",
        "TaskInterrupted",
        "TaskCancelled",
    }
)
_NEEDS_ATTEMPT = frozenset({*_RETURNED, "TaskSuspended", "TaskRetryScheduled"})
_RESTS = frozenset({"RunSuspended", "RunInterrupted", "RunSucceeded", "RunFailed", "RunCancelled"})
_GOES_ON = {"RunFailed": {"RunResumed"}, "RunSucceeded": set[str](), "RunCancelled": set[str]()}
_OUTCOMES = frozenset(
    {
        "TaskSucceeded", "TaskFailed", "TaskTimedOut", "TaskCancelled", "TaskSkipped",
        "GroupSucceeded", "GroupFailed", "GroupCancelled", "GroupSkipped",
    }
)  # fmt: skip
_CLOSES = frozenset({"TaskCancelled", "TaskSkipped", "TaskReopened"})


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
    """Every recorded success or iteration is that of a body which returned; one that is suspended did not."""
    returned = {(line.task_id, line.number) for line in found.lines if line.what == RETURNED}
    for event in found.events[found.copied :]:
        done = (event.task_id, event.attempt) in returned
        what = f"seq {event.seq}: {event.type} of attempt {event.attempt} of {event.task_id!r}"
        if event.type in _RETURNED and not done:
            yield f"{what}, which never returned"
        elif event.type == "TaskSuspended" and done:
            yield f"{what}, which returned"


def successes_are_final(found: Evidence) -> Iterator[str]:
    """Nothing is recorded for a task after its success, unless a policy asked for it again."""
    done: set[str | None] = set()
    for batch in found.batches():
        asked = any(event.type == "GroupRetryRequested" for event in batch)
        for event in batch:
            if event.task_id in done and event.type == "TaskReopened" and asked:
                done.discard(event.task_id)
            elif event.task_id in done:
                yield f"seq {event.seq}: {event.type} of {event.task_id!r} follows its success"
            elif event.type == "TaskSucceeded":
                done.add(event.task_id)


def attempts_follow_each_other(found: Evidence) -> Iterator[str]:
    """A task's attempts are numbered 1, 2, 3 and on, through all iterations; one ends before the next starts."""
    last: dict[str | None, int] = {}
    running: set[str | None] = set()
    for event in found.events:
        what = f"seq {event.seq}: {event.type} of {event.task_id!r}, attempt {event.attempt}"
        if event.type == "TaskStarted":
            if event.task_id in running:
                yield f"{what}, while attempt {last[event.task_id]} runs"
            if event.attempt != last.get(event.task_id, 0) + 1:
                yield f"{what}, after attempt {last.get(event.task_id, 0)}"
            last[event.task_id] = event.attempt
            running.add(event.task_id)
        elif event.type in _ENDS_ATTEMPT:
            if event.type in _NEEDS_ATTEMPT and (event.task_id not in running or event.attempt != last[event.task_id]):
                yield f"{what}, which was not running"
            running.discard(event.task_id)
        elif event.type == "DefinitionChanged":
            running.clear()  # what is gone from it is not interrupted
        elif event.type in _RESTS and running:
            yield f"seq {event.seq}: {event.type} while {sorted(map(str, running))} ran"


def a_run_rests_until_it_goes_on(found: Evidence) -> Iterator[str]:
    """A suspended or interrupted run starts nothing before a drive takes it over; an ended one stays as it is."""
    rests = ""
    for event in found.events:
        if rests in _GOES_ON and event.type not in _GOES_ON[rests]:
            yield f"seq {event.seq}: {event.type} follows {rests}"
        elif rests and event.type == "TaskStarted":
            yield f"seq {event.seq}: {event.type} while the run rests ({rests})"
        if event.type in _RESTS or event.type == "RunForked":
            rests = event.type
        elif event.type in ("RunContinued", "RunResumed"):
            rests = ""


def nothing_is_left_at_the_end(found: Evidence) -> Iterator[str]:
    """When a run succeeds or is cancelled, each of its tasks and groups has an outcome."""
    graphs = dict(found.graphs())
    ids: set[str] = set()
    done: set[str | None] = set()
    for event in found.events:
        ids = graphs.get(event.seq, ids)
        if event.type in _OUTCOMES:
            done.add(event.task_id)
        elif event.type in ("TaskReopened", "GroupReopened"):
            done.discard(event.task_id)
        elif event.type in ("RunSucceeded", "RunCancelled") and ids - done:
            yield f"seq {event.seq}: {event.type}, and {sorted(ids - done)} have no outcome"


def one_verdict_a_round(found: Evidence) -> Iterator[str]:
    """A group gets one verdict, until it is reopened."""
    judged = set()
    for event in found.events:
        if event.type == "GroupReopened":
            judged.discard(event.task_id)
        elif event.type in _VERDICTS:
            if event.task_id in judged:
                yield f"seq {event.seq}: group {event.task_id!r} got a second verdict, {event.type}"
            judged.add(event.task_id)


def members_rest_after_the_verdict(found: Evidence) -> Iterator[str]:
    """Once a group is judged nothing happens in it any more, but that what was not needed is closed."""
    members = found.members()
    judged: dict[str, str] = {}
    for event in found.events:
        name = str(event.task_id)
        if event.type in _VERDICTS:
            judged |= dict.fromkeys(members.get(name, ()), name)
        elif event.type == "GroupReopened":
            judged = {member: group for member, group in judged.items() if group != name and member != name}
            judged = {member: group for member, group in judged.items() if member not in members.get(name, ())}
        elif name in judged and event.type not in _CLOSES and event.type.startswith("Task"):
            yield f"seq {event.seq}: {event.type} of {name!r} follows the verdict on {judged[name]!r}"


def members_are_recorded_once(found: Evidence) -> Iterator[str]:
    """A member of a map is recorded once, before it starts, and none after it was said that there are no more."""
    known: set[str] = set()
    complete: set[str | None] = set()
    maps = {str(found.events[seq - 1].task_id) for seq, _ in found.recorded()}
    recorded = dict(found.recorded())
    for event in found.events:
        name = str(event.task_id)
        if event.type == "MembersAdded":
            again = sorted(known.intersection(recorded[event.seq]))
            if again:
                yield f"seq {event.seq}: {again} are recorded a second time"
            if event.task_id in complete:
                yield f"seq {event.seq}: members of {name!r}, which is complete"
            known.update(recorded[event.seq])
            if event.fields.get("last"):
                complete.add(event.task_id)
        elif event.type == "GroupReopened":
            complete.discard(event.task_id)  # what a time-out has cut short may go on
        elif event.type == "TaskStarted" and name.rpartition("/")[0] in maps and name not in known:
            yield f"seq {event.seq}: {name!r} starts, and is not recorded as a member"
        elif event.type == "GroupSucceeded" and name in maps and name not in complete:
            yield f"seq {event.seq}: {name!r} succeeded, and there may be more members"


def effects_come_with_their_cause(found: Evidence) -> Iterator[str]:
    """What an attempt or a policy changed or scheduled is in the same append as the success that it belongs to."""
    for batch in found.batches():
        causes = {(event.task_id, event.attempt) for event in batch if event.type in _CAUSES}
        for event in batch:
            if event.type in _EFFECTS and event.task_id and (event.task_id, event.attempt) not in causes:
                yield f"seq {event.seq}: {event.type} of {event.task_id!r} was committed without its success"


LAWS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    nothing_acknowledged_is_lost,
    logs_only_grow,
    bodies_start_once_recorded,
    successes_are_true,
    successes_are_final,
    attempts_follow_each_other,
    a_run_rests_until_it_goes_on,
    nothing_is_left_at_the_end,
    one_verdict_a_round,
    members_rest_after_the_verdict,
    members_are_recorded_once,
    effects_come_with_their_cause,
    *LAWS_OF_CALLS,
)


def breaches(found: Evidence) -> list[str]:
    """Return one line for each breach of a law."""
    return [f"{line} ({law.__name__})" for law in LAWS for line in law(found)]
