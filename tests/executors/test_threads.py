"""Worker threads: chunks run in one thread, and a call that blocks does not keep back what comes after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from durable.executors.threads import ThreadExecutor

WAIT = 30.0


class Call:
    """A call that waits until it may go on."""

    def __init__(self, *, blocks: bool = False) -> None:
        self.begun, self.go, self.over = threading.Event(), threading.Event(), threading.Event()
        self.thread = ""
        if not blocks:
            self.go.set()

    def __call__(self) -> None:
        self.thread = threading.current_thread().name
        self.begun.set()
        self.go.wait(WAIT)
        self.over.set()


@pytest.fixture
def executor() -> Iterator[ThreadExecutor]:
    made = ThreadExecutor()
    yield made
    made.close()


def test_a_chunk_runs_in_order_in_one_thread(executor: ThreadExecutor) -> None:
    """Each is over when it is done, and not when all are."""
    calls = [Call(), Call(), Call(blocks=True), Call()]
    executor.submit_chunk(calls)
    assert calls[2].begun.wait(WAIT)
    assert [call.over.is_set() for call in calls] == [True, True, False, False]
    calls[2].go.set()
    assert calls[3].over.wait(WAIT)
    assert len({call.thread for call in calls}) == 1


def test_what_comes_after_a_blocked_call_goes_on_elsewhere(executor: ThreadExecutor) -> None:
    """Its thread is left to it."""
    calls = [Call(blocks=True), Call(), Call()]
    executor.submit_chunk(calls)
    assert calls[0].begun.wait(WAIT)
    executor.abandon(calls[0])
    assert calls[2].over.wait(WAIT)
    assert calls[1].thread == calls[2].thread != calls[0].thread
    calls[0].go.set()
    assert calls[0].over.wait(WAIT)


def test_a_call_that_is_given_up_before_its_turn_is_left_out(executor: ThreadExecutor) -> None:
    """The others are done."""
    calls = [Call(blocks=True), Call(), Call()]
    executor.submit_chunk(calls)
    assert calls[0].begun.wait(WAIT)
    executor.abandon(calls[1])
    calls[0].go.set()
    assert calls[2].over.wait(WAIT)
    assert not calls[1].begun.is_set()
