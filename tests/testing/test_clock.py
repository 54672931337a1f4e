"""The fake clock: time passes when told, waits end exactly then, and nothing sleeps or polls."""

from __future__ import annotations

import threading
from queue import Empty
from typing import Any

import pytest

from durable.clock import Arrivals, Clock
from durable.testing import FakeClock


def _taking(clock: FakeClock, queue: Arrivals, timeout: float | None) -> tuple[threading.Thread, list[Any]]:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(clock.take(queue, timeout)))
    thread.start()
    if timeout is not None:
        clock.wait_for_waiters()
    return thread, got


def test_it_is_a_clock() -> None:
    """The fake can stand wherever a Clock is asked for, and moves both times together."""
    clock: Clock = FakeClock(5_000_000)
    assert isinstance(clock, FakeClock)
    clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (6_500_000, 1.5)
    with pytest.raises(ValueError, match="set_wall"):
        clock.advance(-1)


def test_the_wall_clock_can_be_set_without_time_passing() -> None:
    """A wall clock that jumps, forth or back, neither moves ``monotonic`` nor ends a wait."""
    clock = FakeClock(5_000_000)
    queue = Arrivals()
    thread, got = _taking(clock, queue, 10)
    clock.set_wall(99_000_000_000)
    clock.set_wall(1)
    assert (clock.now(), clock.monotonic()) == (1, 0.0)
    clock.advance(9.999)
    assert thread.is_alive()
    clock.advance(0.001)
    thread.join(10)
    assert got == [None]


def test_items_come_before_time() -> None:
    """An item that is there is returned at once, whatever the timeout, and no time passes."""
    clock = FakeClock()
    queue = Arrivals()
    for timeout, idle in ((None, False), (5, False), (0, False), (5, True)):
        queue.put("item")
        assert clock.take(queue, timeout, idle=idle) == "item"
    assert clock.monotonic() == 0


def test_an_idle_wait_jumps_to_its_end() -> None:
    """When nothing but time can pass, it passes at once, exactly to the due time."""
    clock = FakeClock(0)
    for seconds, after in ((3600, 3600.0), (0.1, 3600.1), (0.0000001, 3600.100001)):
        assert clock.take(Arrivals(), seconds, idle=True) is None
        assert clock.monotonic() == after
    assert clock.now() == 3_600_100_001


def test_an_idle_jump_wakes_the_other_waits_that_are_due() -> None:
    """The time that one waiter jumps over passes for all."""
    clock = FakeClock()
    thread, got = _taking(clock, Arrivals(), 5)
    clock.take(Arrivals(), 6, idle=True)
    thread.join(10)
    assert got == [None]


def test_no_timeout_and_no_time_left_need_no_advance() -> None:
    """A wait of no time returns None at once; one without a timeout waits for an item, whatever passes."""
    clock = FakeClock()
    queue = Arrivals()
    assert clock.take(queue, 0) is None
    assert clock.take(queue, -1) is None
    thread, got = _taking(clock, queue, None)
    clock.advance(1e6)
    queue.put("item")
    thread.join(10)
    assert got == ["item"]


def test_advance_ends_exactly_the_waits_that_are_due() -> None:
    """``advance`` from another thread ends a wait at its due time and not before."""
    clock = FakeClock()
    early, late = Arrivals(), Arrivals()
    first, got_first = _taking(clock, early, 10)
    second = threading.Thread(target=lambda: got_second.append(clock.take(late, 20)))
    got_second: list[Any] = []
    second.start()
    clock.wait_for_waiters(2)
    clock.advance(10)
    first.join(10)
    assert (got_first, second.is_alive()) == ([None], True)
    clock.advance(10)
    second.join(10)
    assert got_second == [None]
    for queue in (early, late):
        with pytest.raises(Empty):
            queue.get(block=False)


def test_an_item_ends_a_wait_before_its_time() -> None:
    """An item that arrives while waiting is returned without any time passing."""
    clock = FakeClock()
    queue = Arrivals()
    thread, got = _taking(clock, queue, 10)
    queue.put("item")
    thread.join(10)
    assert (got, clock.monotonic()) == (["item"], 0)
    clock.advance(100)
    with pytest.raises(Empty):
        queue.get(block=False)


def test_no_mark_is_ever_left_in_a_queue() -> None:
    """When items and the end of the wait race, every item arrives once and nothing else does."""
    for _ in range(300):
        clock = FakeClock()
        queue = Arrivals()
        thread, got = _taking(clock, queue, 1)
        putter = threading.Thread(target=lambda: [queue.put(n) for n in range(3)])  # noqa: B023
        putter.start()
        clock.advance(1)
        putter.join(10)
        thread.join(10)
        found = [item for item in got if item is not None]
        while not queue.empty():
            found.append(queue.get(block=False))
        assert sorted(found) == [0, 1, 2]


def test_waiting_for_waiters_gives_up() -> None:
    """A test that waits for a wait that never comes is told so."""
    with pytest.raises(TimeoutError, match="0 of 1"):
        FakeClock().wait_for_waiters(timeout=0.01)
