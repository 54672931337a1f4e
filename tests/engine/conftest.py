"""Fixtures of the engine's tests."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """No thread of ours outlives its run, and handlers of signals are put back."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    others = set(threading.enumerate())
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    until = time.monotonic() + 20.0
    while left := [thread.name for thread in set(threading.enumerate()) - others if thread.name[:7] == "durable"]:
        assert time.monotonic() < until, left
        time.sleep(0.001)
