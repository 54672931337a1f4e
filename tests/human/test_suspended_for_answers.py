"""A run that asks is suspended, answered while nothing runs, and gone on with; no question is asked twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from durable import (
    DefinitionError,
    RunSuspended,
    Store,
    TaskExecutionContext,
    TaskFailed,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.errors import FeedbackRefused
from durable.human import FeedbackManager, open_requests, send_answer
from tests.conftest import Died, MortalStore
from tests.engine.reading import count, fields, trail
from tests.human.asking import FORM, asks, single, yes_or_no


def test_a_run_waits_for_its_answer_without_a_process(store: Store) -> None:
    bodies = []

    @task
    def decide(ctx: TaskExecutionContext) -> str:
        bodies.append(ctx.attempt)
        answer = ctx.request_feedback("Deploy?", request_id="deploy", timeout=0)
        return f"{answer.approved} by {answer.by}: {answer.reason}"

    @task
    def after(decide: str) -> str:
        return decide.upper()

    with workflow("deploy") as wf:
        decide >> after

    run = wf.start(run_id="d", store=store)
    assert run.status == "suspended"
    with pytest.raises(RunSuspended, match="the run waits for feedback deploy"):
        run.result()
    assert send_answer(store, "d", "deploy", "yes", actor="eva", reason="fine")
    assert run.status == "suspended"
    assert run.resume().result() == "TRUE BY EVA: FINE"
    assert bodies == [1, 2]
    assert count(run, "FeedbackRequested") == 1
    assert fields(run, "FeedbackAnswered") == {"mark": "0", "id": "deploy", "actor": "eva", "reason": "fine"}
    assert not send_answer(store, "d", "deploy", True)
    with pytest.raises(FeedbackRefused, match="eva answered true"):
        send_answer(store, "d", "deploy", False)


def test_a_resume_without_an_answer_waits_on_and_asks_nothing_again(store: Store) -> None:
    run = single(yes_or_no).start(run_id="r", store=store)
    for _ in range(3):
        run.resume()
        assert run.status == "suspended"
    assert count(run, "FeedbackRequested") == 1
    assert asks(run) == ["ask#0"]
    run.answer(value=True)
    assert run.resume().result() is True


def test_a_wrong_form_is_refused_and_the_question_stays(store: Store) -> None:
    def ask(ctx: TaskExecutionContext) -> int:
        answer = ctx.request_feedback("How much?", request_id="form", form_schema=FORM, timeout=0, channel_key="form")
        return answer.value["amount"] + ctx.get("form")["amount"]

    run = single(ask).start(run_id="r", store=store)
    with pytest.raises(FeedbackRefused, match="amount: 'ten' is not of type 'integer'"):
        run.answer("form", {"amount": "ten"})
    assert run.resume().status == "suspended"
    assert asks(run) == ["form"]
    assert run.answer("form", {"amount": 10})
    assert run.resume().result() == 20


def test_answers_reach_the_channel_with_their_event(store: Store) -> None:
    @task
    def ask(ctx: TaskExecutionContext) -> None:
        ctx.request_feedback("?", feedback_type="selection", options=["red", "blue"], channel_key="colour", timeout=0)

    @task
    def paint(colour: str = "none") -> str:
        return colour

    with workflow("paint") as wf:
        ask >> paint
    run = wf.start(run_id="r", store=store)
    run.answer(value="2")
    assert run.resume().result() == "blue"


def test_a_question_is_not_asked_again_wherever_the_process_is_killed(process: Callable[..., MortalStore]) -> None:
    def ask(ctx: TaskExecutionContext) -> list[Any]:
        first = ctx.request_feedback("a?", request_id="a", feedback_type="text", timeout=1)
        return [first.value, ctx.request_feedback("b?", request_id="b", feedback_type="text", timeout=1).value]

    wf, deaths = single(ask), 0
    for appends in range(1, 20):
        run_id = f"r{appends}"
        lives = [appends, *(1 + (appends + life) % 5 for life in range(12))]
        for left in lives:
            disk = process()
            if disk.run(run_id) is not None:
                for item in open_requests(open_run(run_id, disk).load_state(), disk):
                    assert send_answer(disk, run_id, item.request_id, f"for {item.request_id}") != item.answered
            try:
                wf.start(run_id=run_id, store=process(left))
            except Died:
                deaths += 1
        run = open_run(run_id, process())
        assert run.result() == ["for a", "for b"]
        assert (count(run, "FeedbackRequested"), count(run, "FeedbackAnswered")) == (2, 2)
    assert deaths >= 20


def test_an_answer_that_comes_soon_needs_no_suspension(real: Store) -> None:
    @task
    def ask(ctx: TaskExecutionContext, n: int) -> Any:
        return ctx.request_feedback(f"{n}?", timeout=30, feedback_type="text").value

    with workflow("live") as wf:
        wf.add(parallel(ask(task_id="one", n=1), ask(task_id="two", n=2), name="group"))

    def answer() -> None:
        manager = FeedbackManager(real)
        answered = set[str]()
        while len(answered) < 2:
            for item in manager.list_pending():
                manager.provide_feedback(item.request_id, f"for {item.task_id}", actor="thread")
                answered.add(item.request_id)
            time.sleep(0.01)

    thread = threading.Thread(target=answer)
    thread.start()
    run = wf.start(run_id="r", store=real)
    thread.join()
    assert run.result() == {"one": "for one", "two": "for two"}
    assert trail(run, "TaskSuspended", "RunSuspended") == []


def test_a_task_that_goes_round_asks_anew(store: Store) -> None:
    def ask(ctx: TaskExecutionContext) -> str:
        answer = ctx.request_feedback("Again?", request_id="again", timeout=0)
        if answer.approved:
            ctx.next_iteration()
        return f"{ctx.iteration}"

    run = single(ask).start(run_id="r", store=store)
    run.answer("again", True)
    assert run.resume().status == "suspended"
    assert asks(run) == ["again#2"]
    assert not run.answer("again", True)
    run.answer("again#2", False)
    assert run.resume().result() == "2"


def test_a_question_that_cannot_be_asked_fails_its_task(store: Store) -> None:
    def ask(ctx: TaskExecutionContext) -> Any:
        return ctx.request_feedback("?", feedback_type="selection")

    with pytest.raises(TaskFailed, match="needs options"):
        single(ask).execute(store=store)


def test_no_question_is_asked_within_a_step(store: Store) -> None:
    def ask(ctx: TaskExecutionContext) -> Any:
        return ctx.step(lambda: ctx.request_feedback("?", timeout=0))

    with pytest.raises(TaskFailed, match="inside of a step") as caught:
        single(ask).execute(store=store)
    assert isinstance(caught.value.__cause__, DefinitionError)


def test_a_cancelled_run_takes_no_answer(store: Store) -> None:
    run = single(yes_or_no).start(run_id="r", store=store)
    run.cancel()
    with pytest.raises(FeedbackRefused, match="the run has ended: cancelled"):
        run.answer("ask#0", True)


def test_a_failed_task_that_asked_is_not_asked_again_after_a_resume(store: Store) -> None:
    broken = [True]

    def ask(ctx: TaskExecutionContext) -> Any:
        answer = ctx.request_feedback("?", timeout=0)
        if broken:
            raise ValueError("broken")
        return answer.value

    run = single(ask).start(run_id="r", store=store)
    run.answer("ask#0", True)
    assert run.resume().status == "failed"
    broken.clear()
    assert run.resume().result() is True
    assert count(run, "FeedbackRequested") == 1
