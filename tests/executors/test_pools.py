"""Executors that somebody else has made: tried out, made anew when they break, shut down at the end."""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from durable.errors import DefinitionError, WorkerDied, WorkerUnavailable
from durable.executors.pools import PoolExecutor
from tests.executors.calls import Call, lives, until
from tests.executors.orders import obey_all


def spawned(workers: int = 2) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def reusable() -> Executor:
    loky = pytest.importorskip("loky")
    made: Executor = loky.get_reusable_executor(max_workers=2)
    return made


class Made:
    """A factory that counts, and an executor around what it makes."""

    def __init__(self, factory: Callable[[], Executor]) -> None:
        self.factory = factory
        self.pools: list[Executor] = []
        self.executor = PoolExecutor(self.make, obey_all)

    def make(self) -> Executor:
        self.pools.append(self.factory())
        return self.pools[-1]

    def run(self, *orders: str) -> list[Call]:
        calls = [Call(order) for order in orders]
        for call in calls:
            self.executor.submit(call)
        return [call.wait() for call in calls]


@pytest.fixture
def made() -> Iterator[Callable[[Callable[[], Executor]], Made]]:
    all_made: list[Made] = []

    def make(factory: Callable[[], Executor]) -> Made:
        all_made.append(Made(factory))
        return all_made[-1]

    yield make
    for one in all_made:
        one.executor.close()
        for pool in one.pools:
            pool.shutdown(wait=True)


FACTORIES = pytest.mark.parametrize("factory", [spawned, reusable], ids=["spawn", "loky"])


@FACTORIES
def test_calls_run_in_its_processes(made: Any, factory: Callable[[], Executor]) -> None:
    """One pool for all of them, made when the first call comes."""
    one = made(factory)
    assert not one.pools
    assert os.getpid() not in {call.pid for call in one.run("echo", "echo", "echo")}
    assert len(one.pools) == 1


@FACTORIES
def test_a_pool_that_breaks_is_made_anew(made: Any, factory: Callable[[], Executor]) -> None:
    """The call that was in it may have begun, and counts; the next one gets another pool."""
    one = made(factory)
    (died,) = one.run("kill")
    assert isinstance(died.failed, WorkerDied)
    assert died.failed.counted
    (after,) = one.run("echo")
    assert after.answered
    assert len(one.pools) == 2


@FACTORIES
def test_no_call_is_lost_when_the_pool_breaks_again_and_again(made: Any, factory: Callable[[], Executor]) -> None:
    """Each hears exactly once, whatever it was doing at that moment."""
    one = made(factory)
    calls = one.run(*("exit 3" if n % 6 == 5 else f"echo {n}" for n in range(24)))
    assert [call.posts for call in calls] == [1] * 24
    assert all(call.answered or isinstance(call.failed, WorkerDied) for call in calls)


def test_a_chunk_is_one_hand_over(made: Any) -> None:
    """Its answers come together, from one process."""
    one = made(spawned)
    calls = [Call("echo") for _ in range(5)]
    one.executor.submit_chunk(calls)
    assert len({call.pid for call in calls}) == 1


def test_workers_that_die_before_they_take_a_call_fail_the_calls(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool is tried out first, so that nobody takes that for a body which kills its process."""
    monkeypatch.setenv("TEST_WORKER_FAILS", "1")
    one = made(spawned)
    (call,) = one.run("echo")
    assert isinstance(call.failed, WorkerUnavailable)
    assert "before they accept a call" in str(call.failed)


def test_a_pool_of_forks_is_refused(made: Any) -> None:
    """It would copy locks, threads and database connections into its workers."""
    one = made(functools.partial(ProcessPoolExecutor, 1, mp_context=multiprocessing.get_context("fork")))
    (call,) = one.run("echo")
    assert isinstance(call.failed, DefinitionError)
    assert "fork" in str(call.failed)


def test_what_is_no_executor_is_refused(made: Any) -> None:
    """The message says what the factory has made."""
    one = made(lambda: 5)
    (call,) = one.run("echo")
    assert isinstance(call.failed, DefinitionError)
    assert "it made 5" in str(call.failed)
    one.pools.clear()


def test_a_factory_that_raises_fails_the_call(made: Any) -> None:
    """And is asked again for the next one."""
    tries = []

    def factory() -> Executor:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no more processes")
        return ThreadPoolExecutor(1)

    one = made(factory)
    (call,) = one.run("echo")
    assert str(call.failed) == "no more processes"
    (call,) = one.run("echo")
    assert call.answered


def test_a_pool_that_somebody_shut_down_is_made_anew(made: Any) -> None:
    """The call was never in it, and does not hear of it."""
    one = made(functools.partial(ThreadPoolExecutor, 1))
    one.run("echo")
    one.pools[0].shutdown()
    (call,) = one.run("echo")
    assert call.answered
    assert len(one.pools) == 2


def test_a_pool_that_takes_no_calls_is_not_made_for_ever(made: Any) -> None:
    """After a few the call fails."""

    class Refuses(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if args[0]:
                raise BrokenExecutor("no")
            done: Future[Any] = Future()
            done.set_result([])
            return done

    one = made(Refuses)
    (call,) = one.run("echo")
    assert isinstance(call.failed, WorkerUnavailable)
    assert len(one.pools) == 3


def test_a_call_that_waits_in_the_pool_is_cancelled_when_it_is_given_up(made: Any) -> None:
    """One that runs is left behind: only its pool could stop it."""
    go, ran = threading.Event(), []

    def run(messages: list[bytes], _driver: int) -> list[bytes]:
        ran.extend(messages)
        if messages:
            go.wait(30)
        return [b"1 done"] * len(messages)

    executor = PoolExecutor(lambda: ThreadPoolExecutor(1), run)
    first, second, third = Call("first"), Call("second"), Call("third")
    executor.submit(first)
    until(lambda: ran)
    executor.submit(second)
    executor.submit(third)
    until(lambda: second.packed and third.packed)
    executor.abandon(second)
    executor.abandon(first)
    go.set()
    third.wait()
    assert b"second" not in ran
    assert first.posts == second.posts == 0
    executor.close()


def test_close_does_not_wait_for_a_call_that_was_left_behind() -> None:
    """The pool itself waits for its own threads when the program ends."""
    go = threading.Event()
    executor = PoolExecutor(lambda: ThreadPoolExecutor(1), lambda messages, _: [b"1" for _ in messages if go.wait(30)])
    call = Call("blocked")
    executor.submit(call)
    until(lambda: call.packed)
    executor.abandon(call)
    executor.close()
    assert not go.is_set()
    go.set()


def test_shutting_down_ends_the_processes(made: Any) -> None:
    """``close`` is the pool's shutdown."""
    one = made(spawned)
    (call,) = one.run("echo")
    pid = call.pid
    one.executor.close()
    until(lambda: not lives(pid))
