"""Constructors of the events that carry a run's data and move no status: one function a type.

The channel and metadata, what is scheduled, and what bodies record while they run. The arguments are the type's fields.
"""

from __future__ import annotations

from collections.abc import Sequence

from durable.core.events import Draft, Encoded, draft, preview_of


def channel_written(value: Encoded | None, *, op: str, key: str, amount: float | int | None = None) -> Draft:
    """An attempt changed the channel; committed together with the attempt's success.

    Args:
        value: payload: the value
        op: set, delete, append, prepend or add
        key: the key
        amount: what was added
        preview: the value, for people
    """
    return draft("ChannelWritten", value, op=op, key=key, amount=amount, preview=preview_of(value))


def metadata_written(value: Encoded | None, *, op: str, key: str) -> Draft:
    """An attempt or a policy changed the run's metadata.

    Args:
        value: payload: the value
        op: set or delete
        key: the key
        preview: the value, for people
    """
    return draft("MetadataWritten", value, op=op, key=key, preview=preview_of(value))


def tasks_scheduled(fragment: Encoded, *, count: int) -> Draft:
    """An attempt scheduled tasks; committed together with the attempt's success.

    Args:
        fragment: payload: the tasks, groups and edges, as JSON
        count: how many tasks
    """
    return draft("TasksScheduled", fragment, count=count)


def members_added(
    items: Encoded | None,
    *,
    count: int,
    keys: Sequence[str] | None = None,
    digest: str | None = None,
    last: bool = False,
    expected: int | None = None,
    cut: bool = False,
    sources: Sequence[int] | None = None,
) -> Draft:
    """Members of a map were made of items, before any of them starts.

    Args:
        items: payload: the items, if no other event has them
        count: how many
        keys: of each, if they have keys
        digest: of the items, as they were read
        last: whether there will be no more
        expected: how many there will be in all, if that is known
        cut: whether that is so because the map's time was over, although its items were not read to the end
        sources: the events whose values the items are, if they are not in the payload
    """
    return draft(
        "MembersAdded", items, count=count, keys=keys, digest=digest or None, last=last or None, expected=expected,
        cut=cut or None, sources=sources,
    )  # fmt: skip


def step_succeeded(value: Encoded | None, *, mark: str, name: str) -> Draft:
    """A step inside a body returned; a later attempt gets the recorded value.

    Args:
        value: payload: the value
        mark: which durable call of the body it is
        name: the step's function
        preview: the value, for people
    """
    return draft("StepSucceeded", value, mark=mark, name=name, preview=preview_of(value))


def cursor_moved(effects: Encoded | None, *, mark: str, name: str, position: int, key: str | None) -> Draft:
    """A body finished another item of a tracked loop.

    Args:
        effects: payload: what the item's iteration wrote, to be published with the task's success
        mark: which durable call of the body it is
        name: the loop's key function
        position: items finished
        key: of the last one
    """
    return draft("CursorMoved", effects, mark=mark, name=name, position=position, key=key)


def task_checkpointed(state: Encoded | None) -> Draft:
    """A body saved its state for its next attempt.

    Args:
        state: payload: the state
        preview: the state, for people
    """
    return draft("TaskCheckpointed", state, preview=preview_of(state))


def timer_started(*, mark: str, due: int) -> Draft:
    """A body sleeps.

    Args:
        mark: which durable call of the body it is
        due: until when, microseconds since 1970
    """
    return draft("TimerStarted", mark=mark, due=due)


def timer_fired(mark: str) -> Draft:
    """A sleep is over.

    Args:
        mark: which durable call of the body it is
    """
    return draft("TimerFired", mark=mark)


def signal_awaited(*, mark: str, name: str, due: int | None) -> Draft:
    """A body waits for a signal.

    Args:
        mark: which durable call of the body it is
        name: the signal
        due: until when, microseconds since 1970
    """
    return draft("SignalAwaited", mark=mark, name=name, due=due)


def signal_received(
    value: Encoded | None, *, name: str, id: str, actor: str | None = None, reason: str | None = None
) -> Draft:
    """A signal came; the oldest wait for that name has it, else the next one.

    Args:
        value: payload: the value
        name: the signal
        id: chosen by the sender
        preview: the value, for people
        actor: who asked
        reason: why
    """
    return draft("SignalReceived", value, name=name, id=id, preview=preview_of(value), actor=actor, reason=reason)


def feedback_requested(question: Encoded, *, mark: str, id: str, due: int | None) -> Draft:
    """A question to a person was asked.

    Args:
        question: payload: the question: type, message, options, form, channel key
        mark: which durable call of the body it is
        id: of the request
        due: when it expires, microseconds since 1970
    """
    return draft("FeedbackRequested", question, mark=mark, id=id, due=due)


def feedback_answered(
    answer: Encoded | None, *, mark: str, id: str, actor: str | None = None, reason: str | None = None
) -> Draft:
    """A person answered.

    Args:
        answer: payload: the answer
        mark: which durable call of the body it is
        id: of the request
        preview: the answer, for people
        actor: who asked
        reason: why
    """
    return draft("FeedbackAnswered", answer, mark=mark, id=id, preview=preview_of(answer), actor=actor, reason=reason)


def wait_expired(mark: str) -> Draft:
    """A wait for a signal or for an answer passed its time.

    Args:
        mark: which durable call of the body it is
    """
    return draft("WaitExpired", mark=mark)


def prompt_rendered(*, prompt: str, label: str | None, version: str, digest: str) -> Draft:
    """An attempt rendered a prompt; recorded with its outcome.

    Args:
        prompt: its name
        label: its label
        version: its version
        digest: of its template
    """
    return draft("PromptRendered", prompt=prompt, label=label, version=version, digest=digest)
