"""Answering by the log and the inbox alone: nothing runs, nobody imports user code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from durable import RunNotFound, Store
from durable.engine.messages import body_of
from durable.errors import FeedbackRefused
from durable.human import FeedbackManager, open_requests, send_answer, waiting
from durable.testing import FakeClock
from tests.human.asked import Asked


@pytest.fixture
def run(store: Store) -> Asked:
    """A run with two tasks."""
    return Asked(store, "one", "two")


def open_ids(run: Asked) -> list[str]:
    return [item.request_id for item in open_requests(run.state(), run.store)]


def refused(run: Asked, request_id: str | None, value: object) -> str:
    with pytest.raises(FeedbackRefused) as caught:
        send_answer(run.store, run.run_id, request_id, value)
    return str(caught.value)


def test_open_questions_are_listed_with_what_was_asked(run: Asked, clock: FakeClock) -> None:
    run.ask("one", "colour", "selection", options=["red", "blue"], message="Which?", expires_in=60)
    clock.advance(5)
    run.ask("two", "sure", mark="0")
    run.suspend("one", "two")
    colour, sure = open_requests(run.state(), run.store)
    assert (colour.run_id, colour.request_id, colour.task_id) == ("run", "colour", "one")
    assert colour.request.options == ("red", "blue")
    assert colour.request.message == "Which?"
    assert colour.expires_at is not None
    assert (colour.expires_at - colour.asked_at).total_seconds() == 60
    assert (sure.asked_at - colour.asked_at).total_seconds() == 5
    assert sure.expires_at is None
    assert not colour.answered
    assert not colour.expired


def test_an_answer_lands_in_the_inbox_as_it_fits(run: Asked) -> None:
    run.ask("one", "colour", "selection", options=["red", "blue"])
    run.suspend("one")
    assert send_answer(run.store, "run", "colour", "2", actor="eva", reason="it is nicer")
    (message,) = run.store.inbox("run")
    body = body_of(message)
    assert (message.id, message.kind, body.name) == ("answer:colour", "answer", "colour")
    assert (body.encoding, body.data, body.actor, body.reason) == ("json", b'"blue"', "eva", "it is nicer")
    (left,) = open_requests(run.state(), run.store)
    assert left.answered


def test_two_questions_of_one_task_never_mix(run: Asked) -> None:
    run.ask("one", "a", "text", mark="0")
    run.ask("one", "b", "text", mark="1")
    send_answer(run.store, "run", "b", "for b")
    run.record("one", "b", "for b", mark="1")
    assert open_ids(run) == ["a"]
    send_answer(run.store, "run", "a", "for a")
    assert run.inbox() == ["answer:a"]


def test_a_question_may_be_left_out_when_only_one_is_open(run: Asked) -> None:
    assert "no question is open" in refused(run, None, True)
    run.ask("one", "a")
    assert send_answer(run.store, "run", None, True)
    assert not send_answer(run.store, "run", None, "yes")
    run.ask("two", "b")
    assert "2 questions are open: name one (run run). Open are: 'a', 'b'" in refused(run, None, True)


def test_the_same_answer_counts_once(run: Asked) -> None:
    run.ask("one", "form", "custom")
    assert send_answer(run.store, "run", "form", {"a": 1, "b": 2}, actor="eva")
    assert not send_answer(run.store, "run", "form", {"b": 2, "a": 1}, actor="someone else")
    run.record("one", "form", {"a": 1, "b": 2}, actor="eva")
    assert not send_answer(run.store, "run", "form", {"a": 1, "b": 2})
    run.emit("TaskSucceeded", "one", 1)
    run.emit("TaskSucceeded", "two", 1)
    run.emit("RunSucceeded")
    assert not send_answer(run.store, "run", "form", {"a": 1, "b": 2})
    assert run.inbox() == []


@pytest.mark.parametrize("recorded", [False, True], ids=["in the inbox", "recorded"])
def test_a_different_second_answer_is_refused_by_name(run: Asked, clock: FakeClock, recorded: bool) -> None:
    run.ask("one", "colour", "selection", options=["red", "blue"])
    send_answer(run.store, "run", "colour", "red", actor="eva")
    if recorded:
        clock.advance(1)
        run.record("one", "colour", "red", actor="eva")
    said = refused(run, "colour", "blue")
    second = "01" if recorded else "00"
    assert f"""'colour' was answered already: eva answered "red" at 2026-01-01 00:00:{second} UTC""" in said


def test_true_and_one_are_different_answers(run: Asked) -> None:
    run.ask("one", "q", "custom")
    send_answer(run.store, "run", "q", 1)
    assert "somebody answered 1 at" in refused(run, "q", True)
    assert "answered 1" in refused(run, "q", 1.0)


def test_nothing_can_be_an_answer_too(run: Asked) -> None:
    run.ask("one", "q", "custom")
    assert send_answer(run.store, "run", "q", None)
    assert not send_answer(run.store, "run", "q", None)
    assert "somebody answered null" in refused(run, "q", 0)


def test_of_many_answers_at_once_one_counts(run: Asked) -> None:
    run.ask("one", "n", "text")

    def answer(number: int) -> bool | None:
        try:
            return send_answer(run.store, "run", "n", f"{number % 2}")
        except FeedbackRefused:
            return None

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(answer, range(32)))
    assert (found.count(True), found.count(False), found.count(None)) == (1, 15, 16)
    assert run.inbox() == ["answer:n"]


def test_an_answer_that_was_taken_in_meanwhile_is_found_in_the_log(run: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    run.ask("one", "n", "text")
    send = run.store.send

    def overtaken(run_id: str, message: object) -> bool:
        monkeypatch.undo()
        assert send_answer(run.store, run_id, "n", "first", actor="eva")
        run.record("one", "n", "first", actor="eva")
        return send(run_id, message)  # type: ignore[arg-type]

    monkeypatch.setattr(run.store, "send", overtaken)
    assert 'eva answered "first"' in refused(run, "n", "second")


def test_an_answer_that_does_not_fit_is_refused_and_asked_again(run: Asked) -> None:
    run.ask("one", "form", "custom", form_schema={"properties": {"n": {"type": "integer"}}, "required": ["n"]})
    assert refused(run, "form", {"n": "x"}).startswith("question 'form': the answer does not fit the form: n: 'x' is")
    assert run.inbox() == []
    assert send_answer(run.store, "run", "form", {"n": 1})


def test_an_unknown_question_names_the_open_ones(run: Asked) -> None:
    assert "has not asked a question 'x' (run run). See durable waiting" in refused(run, "x", True)
    run.ask("one", "a")
    assert "has not asked a question 'x' (run run). Open are: 'a'" in refused(run, "x", True)


def test_an_unknown_run_is_named(store: Store) -> None:
    with pytest.raises(RunNotFound, match="nix"):
        send_answer(store, "nix", "q", True)
    with pytest.raises(RunNotFound, match="nix"):
        waiting(store, "nix")


def test_a_question_that_has_expired_is_refused(run: Asked, clock: FakeClock) -> None:
    run.ask("one", "q", expires_in=60)
    run.suspend("one")
    clock.advance(59)
    assert not open_requests(run.state(), run.store)[0].expired
    clock.advance(1)
    assert open_requests(run.state(), run.store)[0].expired
    assert "question 'q' is closed: it expired at 2026-01-01 00:01:00 UTC (run run, task one)" in refused(run, "q", 1)


def test_a_question_whose_expiry_was_recorded_is_refused(run: Asked, clock: FakeClock) -> None:
    run.ask("one", "q", expires_in=60)
    clock.advance(60)
    run.emit("WaitExpired", "one", 1, mark="0")
    assert open_ids(run) == []
    clock.set_wall(clock.now() - 3_000_000_000)  # whatever the clock says now
    assert "it expired at" in refused(run, "q", True)


def test_an_answer_given_before_the_deadline_is_still_the_answer_after_it(run: Asked, clock: FakeClock) -> None:
    run.ask("one", "q", expires_in=60)
    send_answer(run.store, "run", "q", True)
    clock.advance(100)
    assert not send_answer(run.store, "run", "q", True)
    assert "was answered already" in refused(run, "q", False)


@pytest.mark.parametrize(("end", "hint"), [("RunFailed", "durable resume run"), ("RunCancelled", "")])
def test_a_question_of_a_run_that_has_ended_is_refused(run: Asked, end: str, hint: str) -> None:
    run.ask("one", "q")
    run.emit(end)
    said = refused(run, "q", True)
    assert f"the run has ended: {'failed' if end == 'RunFailed' else 'cancelled'}" in said
    assert hint in said
    assert open_ids(run) == []


def test_a_question_of_a_task_that_has_ended_is_closed(run: Asked) -> None:
    run.ask("one", "q")
    run.ask("two", "r")
    run.emit("TaskCancelled", "one", 1)
    assert open_ids(run) == ["r"]
    assert "its task has ended: cancelled (run run, task one)" in refused(run, "q", True)


def test_a_question_of_an_iteration_before_is_closed(run: Asked) -> None:
    run.ask("one", "q")
    run.emit("TaskIterated", "one", 1, iteration=2)
    run.emit("TaskStarted", "one", 2)
    assert "its task has continued without it (run run, task one[2])" in refused(run, "q", True)
    run.ask("one", "q#2")
    (again,) = open_requests(run.state(), run.store)
    assert (again.request_id, again.task_id) == ("q#2", "one[2]")


def test_a_killed_run_keeps_its_question_open(run: Asked) -> None:
    run.ask("one", "q")
    run.store.release(run.lease)
    assert run.store.run("run").shown_status == "interrupted"  # type: ignore[union-attr]
    assert send_answer(run.store, "run", "q", True)
    run.lease = run.store.acquire("run", "another")
    run.emit("RunContinued", owner="another", found="died")
    run.emit("TaskInterrupted", "one", 1, counted=True)
    assert [item.answered for item in open_requests(run.state(), run.store)] == [True]


def test_waiting_lists_signals_and_sleeps_too(run: Asked, clock: FakeClock) -> None:
    run.emit("SignalAwaited", "one", 1, mark="0", name="paid")
    run.emit("TimerStarted", "two", 1, mark="0", due=clock.now() + 5_000_000)
    run.ask("two", "q", mark="1")
    Asked(run.store, "other", run_id="second").ask("other", "q2")
    gone = Asked(run.store, "third", run_id="gone")
    gone.ask("third", "q3")
    gone.emit("RunCancelled")
    assert [(item.run_id, item.task_id, item.kind, item.name) for item in waiting(run.store)] == [
        ("second", "other", "feedback", "q2"),
        ("run", "one", "signal", "paid"),
        ("run", "two", "sleep", ""),
        ("run", "two", "feedback", "q"),
    ]
    signal, sleep, question = waiting(run.store, "run")
    assert signal.due is None
    assert sleep.due is not None
    assert question.question is not None
    assert waiting(run.store, "gone") == []


# The manager.


def test_the_manager_finds_the_run_that_asks(run: Asked) -> None:
    other = Asked(run.store, "a", run_id="other")
    run.ask("one", "q")
    other.ask("a", "r", "text")
    manager = FeedbackManager(run.store)
    assert [(item.run_id, item.request_id) for item in manager.list_pending()] == [("other", "r"), ("run", "q")]
    assert [item.request_id for item in manager.list_pending("run")] == ["q"]
    assert manager.provide_feedback("q", approved=False, actor="eva", reason="no")
    assert not manager.provide_feedback("q", "reject")
    assert run.inbox() == ["answer:q"]
    assert manager.provide_feedback("r", "text", run_id="other")
    assert manager.list_pending() == []


def test_the_manager_refuses_to_guess(run: Asked, clock: FakeClock) -> None:
    other = Asked(run.store, "a", run_id="other")
    run.ask("one", "q", expires_in=10)
    other.ask("a", "q")
    manager = FeedbackManager(run.store)
    with pytest.raises(FeedbackRefused, match=r"2 runs have asked a question 'q': other, run. Name one: run_id="):
        manager.provide_feedback("q", approved=True)
    with pytest.raises(FeedbackRefused, match="no run waits for an answer to a question 'x'"):
        manager.provide_feedback("x", approved=True)
    other.record("a", "q", True)
    clock.advance(11)
    assert manager.list_pending() == []
    with pytest.raises(FeedbackRefused, match="expired"):
        manager.provide_feedback("q", approved=True, run_id="run")


def test_the_manager_wants_one_answer(run: Asked) -> None:
    run.ask("one", "q")
    with pytest.raises(FeedbackRefused, match="no answer was given to question 'q'"):
        FeedbackManager(run.store).provide_feedback("q")
    with pytest.raises(FeedbackRefused, match="two answers were given"):
        FeedbackManager(run.store).provide_feedback("q", "yes", approved=True)


def test_the_manager_asks_only_within_a_body(store: Store) -> None:
    from durable import DefinitionError

    with pytest.raises(DefinitionError, match="none runs here"):
        FeedbackManager(store).request_feedback("q", message="?")
