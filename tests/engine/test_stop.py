"""Stopping: Ctrl-C and SIGTERM end a drive gracefully, and what was stopped goes on later, uncounted."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from durable import RetryPolicy, Store, TaskExecutionContext, open_run, task, workflow
from durable.engine.shutdown import GRACE_SECONDS
from durable.testing import FakeClock
from tests.engine.reading import count, fields, statuses


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(autouse=True)
def _on_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread only")


def interrupt(number: int = signal.SIGINT) -> None:
    """Send this process a signal, if somebody handles it."""
    assert signal.getsignal(number) not in (signal.SIG_DFL, signal.default_int_handler)
    os.kill(os.getpid(), number)


@task
def last() -> str:
    return "last"


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_the_first_signal_lets_the_running_body_end_and_starts_nothing_more(
    store: Store, number: int, error: type[BaseException]
) -> None:
    """Its result is recorded, the run is interrupted, the caller gets what the signal means; handlers are put back."""
    stopped = [True]

    @task
    def body() -> str:
        if stopped.pop() if stopped else False:
            interrupt(number)
        return "done"

    with workflow("w", store=store) as wf:
        body >> last
    before = signal.getsignal(number)
    with pytest.raises(error) as caught:
        wf.execute(run_id="r")
    if error is SystemExit:
        assert caught.value.code == 128 + number  # type: ignore[attr-defined]
    assert signal.getsignal(number) is before
    run = open_run("r", store=store)
    assert (run.status, statuses(run)) == ("interrupted", {"body": "succeeded", "last": "pending"})
    assert fields(run, "RunInterrupted")["reason"] == signal.Signals(number).name
    assert wf.execute(run_id="r") == "last"
    assert count(run, "TaskStarted", "body") == 1


def test_a_second_signal_breaks_the_body_off_and_that_does_not_count(store: Store) -> None:
    """Not even the task's only attempt is used up by it."""

    @task(retry=RetryPolicy(max_attempts=1))
    def body(context: TaskExecutionContext) -> int:
        if context.attempt == 1:
            interrupt()
            interrupt()
            raise AssertionError("was broken off")
        return context.attempt

    with workflow("w", store=store) as wf:
        wf.add(body)
    with pytest.raises(KeyboardInterrupt):
        wf.execute(run_id="r")
    run = open_run("r", store=store)
    assert fields(run, "TaskInterrupted")["counted"] is False
    assert wf.execute(run_id="r") == 2


def test_after_the_grace_period_blocked_members_are_left_behind(
    store: Store, clock: FakeClock, released: threading.Event
) -> None:
    """The drive ends although a thread hangs; its attempt is an interruption that does not count."""

    @task
    def hangs(context: TaskExecutionContext) -> int:
        if context.attempt == 1:
            interrupt()
            clock.wait_for_waiters()
            clock.advance(GRACE_SECONDS)
            assert released.wait(20)
        return context.attempt

    with workflow("w", store=store) as wf:
        hangs | last
    with pytest.raises(KeyboardInterrupt):
        wf.execute(run_id="r")
    assert not released.is_set()
    assert wf.execute(run_id="r") == {"hangs": 2, "last": "last"}
    assert fields(open_run("r", store=store), "TaskInterrupted")["counted"] is False


def test_a_stop_inside_a_nested_run_stops_both(store: Store) -> None:
    """The inner run and the outer one are interrupted, and both go on."""
    stop = [True]

    @task
    def inner_body() -> str:
        if stop:
            stop.pop()
            interrupt()
            interrupt()
        return "inner"

    with workflow("inner", store=store) as inner:
        wf_inner = inner
        wf_inner.add(inner_body)

    @task
    def outer_body() -> str:
        return f"outer of {wf_inner.execute(run_id='inner')}"

    with workflow("outer", store=store) as outer:
        outer.add(outer_body)
    with pytest.raises(KeyboardInterrupt):
        outer.execute(run_id="outer")
    assert {run: open_run(run, store=store).status for run in ("inner", "outer")} == {
        "inner": "interrupted",
        "outer": "interrupted",
    }
    assert outer.execute(run_id="outer") == "outer of inner"


def test_signals_are_left_to_a_program_that_handles_them(store: Store) -> None:
    """A handler of the caller's own stays in place."""
    got: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: got.append(number))
    try:

        @task
        def body() -> str:
            os.kill(os.getpid(), signal.SIGINT)
            return "done"

        with workflow("w", store=store) as wf:
            wf.add(body)
        assert wf.execute() == "done"
    finally:
        signal.signal(signal.SIGINT, before)
    assert got == [signal.SIGINT]
