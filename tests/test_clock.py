"""The driver's queue, and the real clock's waits for it: every item arrives once, and every wait ends in time.

Where a law could be broken only by a wait that never ends, the suite's time limit is what fails the test.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest

import durable.clock
from durable.clock import Arrivals, SystemClock

PRODUCERS, ITEMS = 4, 2_000


@pytest.fixture
def switching() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def on_signal() -> Iterator[Any]:
    """Have a function called for SIGUSR1, as a program's own handler would be."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread only")
    before = signal.getsignal(signal.SIGUSR1)
    yield lambda handle: signal.signal(signal.SIGUSR1, lambda *_: handle())
    signal.signal(signal.SIGUSR1, before)


def interrupt_main() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


@pytest.mark.parametrize("wait", [SystemClock().take, SystemClock().soon], ids=["take", "soon"])
def test_a_wait_ends_although_a_signal_handler_took_longer_than_what_was_left_of_it(wait: Any, on_signal: Any) -> None:
    """A handler of the program's own that has nothing to do with the run cannot make its driver wait for ever."""
    handled: list[float] = []

    def handle() -> None:
        while time.monotonic() < begun + 0.3:
            pass
        handled.append(time.monotonic())

    on_signal(handle)
    begun = time.monotonic()
    signaller = threading.Timer(0.02, interrupt_main)
    signaller.start()
    assert wait(Arrivals(), 0.2) is None
    signaller.join()
    assert handled


@pytest.mark.parametrize("wait", [SystemClock().take, SystemClock().soon], ids=["take", "soon"])
def test_a_wait_ends_although_the_process_was_put_aside_for_longer(wait: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time may be over before the waiting itself begins, on a busy machine or after SIGSTOP."""
    moments = iter(range(1000))
    monkeypatch.setattr(durable.clock, "time", SimpleNamespace(monotonic=lambda: float(next(moments))))
    queue = Arrivals()
    queue.put("before")  # whoever puts an item that nobody waits for leaves a lock free
    assert wait(queue, 1e-6) == "before"
    assert wait(queue, 1e-6) is None


@pytest.mark.parametrize("timeout", [None, 1e-5, 60.0])
def test_every_item_arrives_once_and_in_the_order_of_its_thread(timeout: float | None, switching: None) -> None:
    """Nobody who puts fails to wake the consumer, however the threads take turns."""
    queue, clock = Arrivals(), SystemClock()

    def produce(producer: int) -> None:
        for number in range(ITEMS):
            queue.put((producer, number))

    threads = [threading.Thread(target=produce, args=(producer,)) for producer in range(PRODUCERS)]
    for thread in threads:
        thread.start()
    found: list[tuple[int, int]] = []
    while len(found) < PRODUCERS * ITEMS:
        item = clock.take(queue, timeout)
        if item is not None:
            found.append(item)
    for thread in threads:
        thread.join()
    assert queue.empty()
    for producer in range(PRODUCERS):
        assert [number for one, number in found if one == producer] == list(range(ITEMS))


def test_a_signal_handler_may_put_at_any_moment(on_signal: Any, switching: None) -> None:
    """Also in the middle of a put or a get of the thread that it interrupts: a stop signal does just that."""
    queue, clock = Arrivals(), SystemClock()
    on_signal(lambda: queue.put("signal"))

    def signal_often() -> None:
        for _ in range(500):
            interrupt_main()
        over.set()

    over = threading.Event()
    thread = threading.Thread(target=signal_often)
    thread.start()
    put = 0
    found: list[str] = []
    while not over.is_set():
        queue.put("own")
        put += 1
        found.append(clock.take(queue, None))
    thread.join()
    while (item := clock.take(queue, 0)) is not None:
        found.append(item)
    assert found.count("own") == put
    assert found.count("signal") >= 1


def test_a_handler_that_puts_ends_the_wait(on_signal: Any) -> None:
    """The item is the wait's own."""
    queue = Arrivals()
    on_signal(lambda: queue.put("stop"))
    signaller = threading.Timer(0.02, interrupt_main)
    signaller.start()
    assert SystemClock().take(queue, 30) == "stop"
    signaller.join()


def test_without_blocking_only_what_is_there_is_taken() -> None:
    """And an empty queue says so at once."""
    queue = Arrivals()
    with pytest.raises(Empty):
        queue.get(block=False)
    queue.put(1)
    assert not queue.empty()
    assert queue.get(block=False) == 1
    with pytest.raises(Empty):
        queue.get(timeout=0)
