"""The channel in runs: writes commit with the result or not at all, and members' writes merge."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from durable import ChannelError, Store, TaskExecutionContext, parallel, task, workflow
from tests.engine.reading import appends


def test_parallel_appends_and_additions_merge(store: Store) -> None:
    """Both members read the same beginning and write at the same time; none of it is lost."""
    barrier = threading.Barrier(2, timeout=20)

    @task
    def member(n: int, context: TaskExecutionContext) -> int:
        channel = context.get_channel()
        barrier.wait()
        channel.append("list", n)
        seen: int = channel.atomic_add("count", n)
        barrier.wait()
        return seen

    @task
    def total(list: list[int], count: int) -> Any:
        return sorted(list), count

    with workflow("w", store=store) as wf:
        parallel(member(task_id="x", n=1), member(task_id="y", n=10), name="g") >> total
    run = wf.start(initial={"count": 100})
    assert run.result() == ([1, 10], 111)
    assert run.results["x"] == 101


def test_writes_are_in_the_append_of_the_success(store: Store) -> None:
    """Never visible without it, never lost with it."""

    @task
    def writes(context: TaskExecutionContext) -> None:
        context.set("k", 1)
        context.get_channel().append("l", 2)

    with workflow("w", store=store) as wf:
        wf.add(writes)
    wf.start(run_id="r")
    assert list(appends(store, "r"))[1] == [
        "ChannelWritten writes",
        "ChannelWritten writes",
        "TaskSucceeded writes",
        "RunSucceeded",
    ]


def test_nobody_sees_writes_before_their_attempt_has_succeeded(store: Store) -> None:
    """A sibling reads the committed value, the writer its own."""
    written, read = threading.Event(), threading.Event()
    seen: dict[str, Any] = {}

    @task
    def writer(context: TaskExecutionContext) -> None:
        context.set("k", "new")
        seen["writer"] = context.get("k")
        written.set()
        assert read.wait(20)

    @task
    def reader(context: TaskExecutionContext) -> None:
        assert written.wait(20)
        seen["reader"] = context.get("k")
        read.set()

    with workflow("w", store=store) as wf:
        writer | reader
    wf.execute(initial={"k": "old"})
    assert seen == {"writer": "new", "reader": "old"}


def test_a_failed_attempt_writes_nothing(store: Store) -> None:
    """Its writes are dropped with it."""

    @task
    def fails(context: TaskExecutionContext) -> None:
        context.set("k", 1)
        raise ValueError

    @task
    def reads(context: TaskExecutionContext, g: dict[str, Any]) -> bool:
        return context.get_channel().exists("k")

    with workflow("w", store=store) as wf:
        parallel(fails, name="g").with_execution(policy="best_effort") >> reads
    assert wf.execute() is False


@pytest.mark.parametrize("key", ["", 5, None, "lone surrogate \ud800"])
def test_an_impossible_key_fails_its_task_only(store: Store, key: Any) -> None:
    """A clear error in the body; the siblings go on and the run ends."""

    @task
    def bad(context: TaskExecutionContext) -> None:
        context.set(key, 1)

    @task
    def good() -> int:
        return 1

    with workflow("w", store=store) as wf:
        parallel(bad, good, name="g").with_execution(policy="best_effort")
    run = wf.start()
    assert run.result() == {"good": 1}
    error = run.task_results("g")["bad"].error
    assert error is not None
    assert error.type == "durable.errors.ChannelError"


@pytest.mark.parametrize("amount", [float("inf"), float("nan"), 2**64, True, "1", None])
def test_an_impossible_amount_fails_its_task_only(store: Store, amount: Any) -> None:
    """What the log cannot hold exactly is refused where it is added."""

    @task
    def bad(context: TaskExecutionContext) -> None:
        context.get_channel().atomic_add("k", amount)

    @task
    def good(context: TaskExecutionContext) -> int:
        return int(context.get_channel().atomic_add("k", 2))

    with workflow("w", store=store) as wf:
        parallel(bad, good, name="g").with_execution(policy="best_effort")
    assert wf.start().result() == {"good": 2}


def test_writes_that_do_not_fit_each_other_fail_their_reader(store: Store) -> None:
    """Two members made one key a text and a number: whoever reads it is told."""
    barrier = threading.Barrier(2, timeout=20)

    @task
    def text(context: TaskExecutionContext) -> None:
        context.set("k", "text")
        barrier.wait()

    @task
    def number(context: TaskExecutionContext) -> None:
        barrier.wait()
        context.get_channel().atomic_add("k", 1)
        done = threading.Event()
        done.wait(0)

    @task
    def reads(context: TaskExecutionContext) -> Any:
        return context.get("k")

    with workflow("w", store=store) as wf:
        (text | number) >> reads
    run = wf.start()
    if run.status == "failed":  # the addition was committed after the text
        with pytest.raises(Exception, match="holds a str, which cannot be added to") as caught:
            run.result()
        assert isinstance(caught.value.__cause__, ChannelError)
    else:
        assert run.result() == "text"


def test_initial_values_seed_the_channel_and_are_not_shared(store: Store) -> None:
    """The body gets a copy of its own."""
    given = {"items": [1]}

    @task
    def changes(items: list[int], context: TaskExecutionContext) -> list[int]:
        items.append(2)
        return list(context.get("items"))

    with workflow("w", store=store) as wf:
        wf.add(changes)
    assert wf.execute(initial=given) == [1]
    assert given == {"items": [1]}
