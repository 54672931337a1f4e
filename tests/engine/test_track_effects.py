"""What the finished items of a tracked loop wrote and scheduled: published once, with the task's success."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durable import Store, TaskExecutionContext, task, workflow
from tests.engine.reading import count, statuses, trail
from tests.engine.single import single


@task
def work(n: int) -> int:
    return n


def test_what_iterations_write_and_schedule_is_published_once_with_the_success(store: Store) -> None:
    """Before the task's success nobody sees any of it; an iteration that did not finish leaves nothing behind."""

    def body(ctx: TaskExecutionContext) -> None:
        for n in ctx.track(range(3)):
            if n == 2 and ctx.attempt == 1:
                ctx.next_task(work(n=99))
                ctx.set("last", 99)
                raise OSError
            ctx.next_task(work(n=n))
            ctx.get_channel().atomic_add("sum", n + 1)
            ctx.metadata[f"seen{n}"] = ctx.attempt

    run = single(body, store, max_retries=1).start()
    assert run.result() == {"body/work": 0, "body/work#2": 1, "body/work#3": 2}
    types = trail(run, "Task", "Channel", "Metadata", "Cursor")
    first_write = next(place for place, line in enumerate(types) if line.startswith(("Channel", "Metadata")))
    assert not any(line.startswith("Cursor") for line in types[first_write:])
    assert count(run, "TasksScheduled") == 1
    assert count(run, "ChannelWritten") == 3
    assert {key: run.view().load(seq) for key, seq in run.view().metadata.items()} == {
        "seen0": 1, "seen1": 1, "seen2": 2,
    }  # fmt: skip


def test_metadata_that_an_iteration_takes_back_stays_taken_back(store: Store) -> None:
    """A later attempt sees what the finished iterations left, not what they had in between."""

    def before(ctx: TaskExecutionContext) -> None:
        ctx.metadata["old"] = 1

    def body(ctx: TaskExecutionContext) -> dict[str, Any]:
        for n in ctx.track(range(3)):
            if n == 0:
                ctx.metadata["new"] = 1
                ctx.metadata["old"] = 2
            if n == 1:
                del ctx.metadata["new"]
                ctx.metadata["old"] = 1
            if n == 2 and ctx.attempt == 1:
                raise OSError
        return dict(ctx.metadata)

    with workflow("w", store=store) as wf:
        task(before) >> task(max_retries=1)(body)
    assert wf.execute() == {"old": 1}


AFTERWARDS: dict[str, Callable[[TaskExecutionContext], Any]] = {
    "ends the run": lambda ctx: ctx.terminate_workflow("early"),
    "goes to new work": lambda ctx: ctx.next_task(work(n=7), goto=True),
    "goes round": lambda ctx: ctx.next_iteration() if ctx.iteration == 1 else None,
    "cancels the run": lambda ctx: ctx.cancel_workflow("enough"),
}


@pytest.mark.parametrize("what", AFTERWARDS)
def test_what_a_finished_item_wants_after_the_attempt_is_not_forgotten(store: Store, what: str) -> None:
    """The item is not done again by the next attempt, so what it asked for is carried like what it wrote."""
    outcomes = []
    for fails in (False, True):

        def body(ctx: TaskExecutionContext, fails: bool = fails) -> int:
            for n in ctx.track(range(3)):
                if n == 1:
                    AFTERWARDS[what](ctx)
                if fails and n == 2 and ctx.attempt == 1 and what != "cancels the run":
                    raise OSError
            return ctx.iteration

        with workflow("w", store=store) as wf:
            task(max_retries=1)(body) >> task(id="after")(lambda: "after")
        run = wf.start()
        outcomes.append((run.status, statuses(run), run.results))
    assert outcomes[0] == outcomes[1]


def test_what_comes_before_a_loop_is_written_before_what_the_loop_wrote(store: Store) -> None:
    """Also by an attempt that finds the loop done: the last write wins, and counters are not counted twice."""

    def body(ctx: TaskExecutionContext) -> Any:
        ctx.set("status", "begun")
        ctx.metadata["rounds"] = ctx.metadata.get("rounds", 0) + 1
        for n in ctx.track(range(3)):
            ctx.set("status", n)
            ctx.metadata["rounds"] += 10
        if ctx.attempt == 1:
            raise OSError
        return [ctx.get("status"), ctx.metadata["rounds"]]

    assert single(body, store, max_retries=1).execute() == [2, 31]


def test_what_a_loop_wrote_is_kept_by_an_attempt_that_does_not_come_to_it(store: Store) -> None:
    """Its saved state says that the loop is done; what it writes itself comes after."""

    def body(ctx: TaskExecutionContext) -> None:
        if ctx.checkpoint_state is None:
            for n in ctx.track(range(2)):
                ctx.get_channel().append("log", n)
                ctx.metadata["last"] = n
                ctx.metadata["own"] = n
                ctx.next_task(work(n=n))
            ctx.checkpoint("looped")
            raise OSError
        ctx.get_channel().append("log", "second part")
        ctx.metadata["own"] = "mine"
        ctx.next_task(work(n=7))

    run = single(body, store, max_retries=1).start()
    view = run.view()
    assert run.results == {"body": None, "body/work": 0, "body/work#2": 1, "body/work#3": 7} or (
        run.results == {"body/work": 0, "body/work#2": 1, "body/work#3": 7}
    )
    assert view.read_channel("log", view.state.channel["log"]) == [0, 1, "second part"]
    assert {key: view.load(seq) for key, seq in view.metadata.items()} == {"last": 1, "own": "mine"}
