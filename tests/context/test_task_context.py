"""The context of a task: what it reads, what it stages, and that it belongs to one attempt."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from durable import (
    AttemptEnded,
    ChannelError,
    DefinitionError,
    PayloadError,
    Store,
    TaskExecutionContext,
    Workflow,
    current_context,
    task,
)

BODIES: list[Any] = []


def run(store: Store, body: Any, **initial: Any) -> Any:
    """Run one body with a context, and return its result."""
    wf = Workflow("w", store=store)
    wf.add(task(id="body", inject_context=True)(body))
    return wf.execute(run_id="r", initial=initial)


def test_it_says_where_it_is(store: Store) -> None:
    """Run, task, attempt, key; the context variable is the same one."""

    def body(context: TaskExecutionContext) -> list[Any]:
        return [
            context.run_id,
            context.task_id,
            context.attempt,
            context.idempotency_key,
            context.cancelled,
            current_context() is context,
        ]

    assert run(store, body) == ["r", "body", 1, "r/body", False, True]
    assert current_context() is None


def test_own_writes_are_seen_before_they_are_committed(store: Store) -> None:
    """Every operation, on top of what the channel holds."""

    def body(context: TaskExecutionContext) -> list[Any]:
        channel = context.get_channel()
        channel.append("list", 3)
        channel.prepend("list", 1)
        channel.atomic_add("count", 5)
        channel.set("new", None)
        channel.delete("gone")
        channel.set("again", 1)
        channel.delete("again")
        channel.append("again", 2)
        return [
            channel.get("list"),
            channel.get("count"),
            channel.get("new", "default"),
            channel.get("gone", "default"),
            channel.get("again"),
            channel.exists("gone"),
            channel.keys(),
        ]

    assert run(store, body, list=[2], count=10, gone=1) == [
        [1, 2, 3],
        15,
        None,
        "default",
        [2],
        False,
        ["again", "count", "list", "new"],
    ]


def test_values_that_are_read_are_copies(store: Store) -> None:
    """Changing one changes nothing until it is set."""

    def body(context: TaskExecutionContext) -> Any:
        context.get("list").append(2)
        value = [5]
        context.set("own", value)
        value.append(6)
        return [context.get("list"), context.get("own")]

    assert run(store, body, list=[1]) == [[1], [5]]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda channel: channel.append("text", 1), ChannelError),
        (lambda channel: channel.prepend("text", 1), ChannelError),
        (lambda channel: channel.atomic_add("text", 1), ChannelError),
        (lambda channel: channel.atomic_add("count", "1"), ChannelError),
        (lambda channel: channel.atomic_add("count", True), ChannelError),
        (lambda channel: channel.set("", 1), ChannelError),
        (lambda channel: channel.set("lock", threading.Lock()), PayloadError),
        (lambda channel: channel.append("locks", threading.Lock()), PayloadError),
    ],
)
def test_a_refused_write_leaves_nothing_behind(store: Store, act: Any, error: type[Exception]) -> None:
    """A body may catch it and go on."""

    def body(context: TaskExecutionContext) -> Any:
        channel = context.get_channel()
        with pytest.raises(error):
            act(channel)
        return [channel.keys(), channel.get("text"), channel.get("count")]

    assert run(store, body, text="text", count=1) == [["count", "text"], "text", 1]


def test_get_result_reads_any_task_or_group(store: Store) -> None:
    """The default for one without a value yet; an unknown id is an error that names it."""

    @task
    def first() -> int:
        return 1

    @task
    def second(context: TaskExecutionContext) -> list[Any]:
        found = [context.get_result("first"), context.get_result("second", "none yet"), context.get_result("third")]
        with pytest.raises(DefinitionError, match="no task or group 'nobody'"):
            context.get_result("nobody")
        return found

    @task
    def third() -> None: ...

    wf = Workflow("w", store=store)
    wf.add(first >> second >> third)
    assert wf.start().results["second"] == [1, "none yet", None]


def test_a_context_kept_beyond_its_attempt_is_dead(store: Store) -> None:
    """Nothing more can be read or written with it, by whoever kept it."""
    kept: list[Any] = []

    def body(context: TaskExecutionContext) -> None:
        kept.extend([context, context.get_channel(), context.metadata])

    run(store, body)
    context, channel, metadata = kept
    for act in (
        context.get_channel,
        lambda: context.get("k"),
        lambda: context.set("k", 1),
        lambda: context.metadata,
        lambda: context.get_result("body"),
        lambda: channel.get("k"),
        lambda: channel.keys(),
        lambda: channel.atomic_add("k"),
        lambda: metadata.get("k"),
        lambda: metadata.update(k=1),
        lambda: len(metadata),
    ):
        with pytest.raises(AttemptEnded, match="attempt 1 of task 'body' has ended"):
            act()
    assert context.cancelled
    assert context.idempotency_key == "r/body"


def test_attempt_ended_is_no_exception_that_bodies_swallow() -> None:
    """``except Exception`` does not keep a dead attempt alive."""
    assert not issubclass(AttemptEnded, Exception)


def test_log_records_say_where_they_come_from(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Run, task and attempt are on the record."""

    def body(context: TaskExecutionContext) -> None:
        context.logger.warning("hello %s", "there")

    with caplog.at_level(logging.WARNING, "durable.task"):
        run(store, body)
    record: Any = next(record for record in caplog.records if record.name == "durable.task")
    assert (record.getMessage(), record.run_id, record.task_id, record.attempt) == ("hello there", "r", "body", 1)
