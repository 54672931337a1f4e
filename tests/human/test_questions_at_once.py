"""Several questions at once never mix: of one task, of a coroutine, of the members of a group."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable import (
    ParallelGroupError,
    RunSuspended,
    Store,
    TaskExecutionContext,
    TaskFailed,
    Workflow,
    parallel,
    task,
    workflow,
)
from durable.errors import FeedbackRefused
from durable.human import FeedbackManager, FeedbackResponse, send_answer
from tests.engine.reading import count, trail
from tests.human.asking import asks, single


def test_two_questions_of_one_task_get_their_own_answers(store: Store) -> None:
    def ask(ctx: TaskExecutionContext) -> list[Any]:
        first = ctx.request_feedback("a?", feedback_type="text", timeout=0)
        second = ctx.request_feedback("b?", feedback_type="text", timeout=0)
        return [first.value, second.value]

    run = single(ask).start(run_id="r", store=store)
    assert asks(run) == ["ask#0"]
    run.answer("ask#0", "first")
    assert run.resume().status == "suspended"
    assert asks(run) == ["ask#1"]
    assert not run.answer("ask#0", "first")  # a late repeat of the first answer is none to the second question
    run.answer("ask#1", "second")
    assert run.resume().result() == ["first", "second"]
    assert count(run, "FeedbackRequested") == 2


def test_two_questions_at_once_of_a_coroutine_never_mix(store: Store) -> None:
    async def ask(ctx: TaskExecutionContext) -> list[Any]:
        manager = FeedbackManager()
        first = manager.request_feedback("a", "text", timeout=0)
        second = manager.request_feedback("b", "text", timeout=0, execution_context=ctx)
        return [answer.value for answer in await asyncio.gather(first, second)]

    run = single(ask).start(run_id="r", store=store)
    assert (run.status, asks(run)) == ("suspended", ["a", "b"])
    run.answer("b", "for b")
    assert run.resume().status == "suspended"
    assert asks(run) == ["a"]
    run.answer("a", "for a")
    assert run.resume().result() == ["for a", "for b"]
    assert count(run, "FeedbackRequested") == 2


def members(count: int) -> Workflow:
    @task
    def ask(ctx: TaskExecutionContext, n: int) -> str:
        answer: FeedbackResponse = ctx.request_feedback(f"{n}?", feedback_type="text", timeout=0)
        return f"{n}: {answer.value}"

    @task
    def after(group: dict[str, str]) -> list[str]:
        return sorted(group.values())

    with workflow("members") as wf:
        parallel([ask(task_id=f"m{n}", n=n) for n in range(count)], name="group") >> after
    return wf


def test_members_that_wait_at_once_never_mix(store: Store) -> None:
    wf = members(3)
    run = wf.start(run_id="r", store=store)
    assert run.status == "suspended"
    assert sorted(asks(run)) == ["m0#0", "m1#0", "m2#0"]
    for n in (2, 0, 1):
        send_answer(store, "r", f"m{n}#0", f"answer {n}")
    assert run.resume().result() == ["0: answer 0", "1: answer 1", "2: answer 2"]
    assert count(run, "FeedbackRequested") == 3


def test_a_strict_group_with_an_unanswered_member_is_neither_success_nor_failure(store: Store) -> None:
    run = members(2).start(run_id="r", store=store)
    send_answer(store, "r", "m1#0", "here")
    run.resume()
    state = run.load_state()
    assert (run.status, state.node_status("group")) == ("suspended", "running")
    assert (state.node_status("m0"), state.node_status("m1"), state.node_status("after")) == (
        "suspended",
        "succeeded",
        "pending",
    )
    assert trail(run, "GroupSucceeded", "GroupFailed") == []
    assert list(run.task_results("group")) == ["m0", "m1"]
    with pytest.raises(RunSuspended):
        run.result()
    send_answer(store, "r", "m0#0", "too")
    assert run.resume().result() == ["0: too", "1: here"]
    assert count(run, "GroupSucceeded") == 1


def test_a_group_that_failed_for_certain_closes_the_questions_of_its_members(store: Store) -> None:
    @task
    def ask(ctx: TaskExecutionContext) -> Any:
        return ctx.request_feedback("?", timeout=30).value

    @task
    def bad() -> None:
        raise ValueError("no")

    with workflow("fails") as wf:
        wf.add(parallel(ask, bad, name="group").with_execution(fail_fast=True))
    run = wf.start(run_id="r", store=store)
    assert run.status == "failed"
    with pytest.raises(ParallelGroupError):
        run.result()
    if run.load_state().requests:
        with pytest.raises(FeedbackRefused, match="the run has ended: failed"):
            send_answer(store, "r", "ask#0", True)


def test_two_tasks_cannot_ask_under_one_id(store: Store) -> None:
    @task
    def ask(ctx: TaskExecutionContext, n: int) -> Any:
        return ctx.request_feedback(f"{n}?", request_id="same", timeout=0).value

    with workflow("clash") as wf:
        ask(task_id="one", n=1) >> ask(task_id="two", n=2)
    run = wf.start(run_id="r", store=store)
    run.answer("same", True)
    with pytest.raises(TaskFailed, match="'same' was requested by task 'one' already"):
        run.resume().result()
