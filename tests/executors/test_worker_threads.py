"""Worker threads: each call runs at once, however many block, and short ones make do with few threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from durable.executors.threads import ThreadExecutor

MANY = 40
SECONDS = 30.0


@pytest.fixture
def executor() -> Iterator[ThreadExecutor]:
    made = ThreadExecutor()
    yield made
    made.close()


def workers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("durable-worker")}


def blocking(together: threading.Barrier, done: SimpleQueue[int], number: int) -> Callable[[], None]:
    """A call that ends only once all of its barrier run."""

    def call() -> None:
        together.wait(SECONDS)
        done.put(number)

    return call


def test_calls_that_block_all_run_at_once(executor: ThreadExecutor) -> None:
    """No call waits for another one to end, whether they were submitted together or while others block."""
    together, done = threading.Barrier(MANY), SimpleQueue[int]()
    for number in range(MANY):
        executor.submit(blocking(together, done, number))
    assert {done.get(timeout=SECONDS) for _ in range(MANY)} == set(range(MANY))


def test_a_call_does_not_wait_for_one_that_blocks_already(executor: ThreadExecutor) -> None:
    """Calls that come one by one, each when all before it are blocked, run too."""
    running, go_on = SimpleQueue[int](), threading.Event()

    def call(number: int) -> Callable[[], None]:
        def block() -> None:
            running.put(number)
            go_on.wait(SECONDS)

        return block

    for number in range(MANY):
        executor.submit(call(number))
        assert running.get(timeout=SECONDS) == number
    go_on.set()


def test_rounds_of_short_and_blocking_calls_lose_none(executor: ThreadExecutor) -> None:
    """Whatever the mixture, every call of every round runs, and blocking ones run together."""
    for size in (1, 2, 3, 5, 8, 13, 8, 2, 1, 13) * 5:
        together, done = threading.Barrier(size), SimpleQueue[int]()
        for number in range(size):
            executor.submit(blocking(together, done, number))
            executor.submit(lambda done=done: done.put(-1))  # type: ignore[misc]
        found = sorted(done.get(timeout=SECONDS) for _ in range(2 * size))
        assert found == [-1] * size + list(range(size))


def test_short_calls_make_do_with_few_threads(executor: ThreadExecutor) -> None:
    """Thousands of calls that do nothing are no reason to start a thread for each that is in flight."""
    before, done = workers(), SimpleQueue[None]()
    for _ in range(50):
        for _ in range(64):
            executor.submit(lambda: done.put(None))
        for _ in range(64):
            done.get(timeout=SECONDS)
    assert len(workers() - before) < 32


def test_a_blocked_worker_that_was_given_up_ends_with_its_call(executor: ThreadExecutor) -> None:
    """Once the call returns, its thread is gone, and the others go on."""
    go_on, seen = threading.Event(), SimpleQueue[threading.Thread]()

    def call() -> None:
        seen.put(threading.current_thread())
        go_on.wait(SECONDS)

    executor.submit(call)
    thread = seen.get(timeout=SECONDS)
    executor.abandon(call)
    go_on.set()
    thread.join(SECONDS)
    assert not thread.is_alive()
    executor.submit(lambda: seen.put(threading.current_thread()))
    assert seen.get(timeout=SECONDS) is not thread


def test_closing_ends_every_thread() -> None:
    """Nobody stays behind: neither workers that wait, nor the thread that stands by, nor one that was blocked."""
    before, executor = workers(), ThreadExecutor()
    together, done = threading.Barrier(5), SimpleQueue[int]()
    go_on = threading.Event()
    executor.submit(lambda: go_on.wait(SECONDS))  # type: ignore[arg-type, return-value]
    for number in range(5):
        executor.submit(blocking(together, done, number))
    for _ in range(5):
        done.get(timeout=SECONDS)
    made = workers() - before
    executor.close()
    go_on.set()
    for thread in made:
        thread.join(SECONDS)
    assert not {thread for thread in made if thread.is_alive()}
