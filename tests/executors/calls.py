"""Calls for executors of other processes, for tests: an order, and what came of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

WAIT = 30.0
"""Real seconds after which a test has failed."""


class Call:
    """A remote call that sends an order in words."""

    def __init__(self, order: str, error: Exception | None = None) -> None:
        self.order = order
        self.error = error
        self.over = threading.Event()
        self.answered: bytes | None = None
        self.failed: BaseException | None = None
        self.packed = 0
        self.posts = 0

    def pack(self) -> bytes:
        self.packed += 1
        if self.error is not None:
            raise self.error
        return self.order.encode()

    def answer(self, data: bytes) -> None:
        self.answered = data
        self._post()

    def fail(self, error: BaseException) -> None:
        self.failed = error
        self._post()

    def _post(self) -> None:
        self.posts += 1
        self.over.set()

    def wait(self) -> Call:
        assert self.over.wait(WAIT), f"{self.order!r} is not over"
        return self

    @property
    def pid(self) -> int:
        self.wait()
        assert self.answered is not None, self.failed
        return int(self.answered.split()[0])


def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


def number_in(path: Path) -> int:
    """Wait for a file and return the number in it."""
    until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def lives(pid: int) -> bool:
    """Whether a process runs; one that is only left to be waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    place = Path(f"/proc/{pid}")
    if not Path("/proc/self").exists():
        return True
    try:
        if (place / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
            return True
        return len(list((place / "task").iterdir())) > 1  # others of its threads are still being ended
    except OSError:
        return False
