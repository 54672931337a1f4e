"""Questions that nobody answers in time expire; an answer that came in time counts."""

from __future__ import annotations

import time
from typing import Any

import pytest

from durable import Store, TaskExecutionContext, parallel, task, workflow
from durable.errors import FeedbackRefused
from durable.human import FeedbackManager
from durable.testing import FakeClock
from tests.human.asking import single


def test_a_question_expires(store: Store, clock: FakeClock) -> None:
    def ask(ctx: TaskExecutionContext) -> str:
        answer = ctx.request_feedback("?", timeout=0, expires_in=3600, request_id="q")
        return f"{answer.expired} {answer.approved}"

    run = single(ask).start(run_id="r", store=store)
    assert run.status == "suspended"
    assert run.info.due is not None
    clock.advance(3601)
    with pytest.raises(FeedbackRefused, match="it expired at"):
        run.answer("q", True)
    assert run.resume().result() == "True False"
    with pytest.raises(FeedbackRefused, match="it expired at"):
        run.answer("q", True)


def test_an_answer_in_time_counts_although_the_run_goes_on_too_late(store: Store, clock: FakeClock) -> None:
    def ask(ctx: TaskExecutionContext) -> Any:
        return ctx.request_feedback("?", timeout=0, expires_in=3600, request_id="q").value

    run = single(ask).start(run_id="r", store=store)
    clock.advance(3599)
    run.answer("q", True)
    clock.advance(100_000)
    assert run.resume().result() is True


def test_an_answer_that_was_taken_just_in_time_counts_while_the_run_is_driven(store: Store) -> None:
    @task
    def ask(ctx: TaskExecutionContext) -> Any:
        return ctx.request_feedback("?", timeout=30, expires_in=10, request_id="q").value

    @task
    def answer() -> bool:
        manager = FeedbackManager(store)
        while not manager.list_pending():
            time.sleep(0.001)
        return manager.provide_feedback("q", approved=True)

    with workflow("just") as wf:
        wf.add(parallel(ask, answer, name="group"))
    assert wf.execute(store=store) == {"ask": True, "answer": True}
