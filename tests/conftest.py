"""Fixtures for all tests: stores, a clock that never sleeps, executors and processes that die on cue."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from durable import Event, Store, open_store
from durable.testing import FakeClock
from durable_memory.database import Database
from durable_memory.store import MemoryStore

# A shell lets what it runs in the background ignore SIGINT, and so would every process that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that passes only when told, or when nothing else can happen."""
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Iterator[Store]:
    """An empty store in memory, on the fake clock."""
    with open_store("memory://", clock=clock) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    """An empty SQLite store, on the fake clock; without fsync, which tests of behaviour do not need."""
    with open_store(f"sqlite:///{tmp_path}/runs.db?synchronous=normal", clock=clock) as opened:
        yield opened


@pytest.fixture
def real() -> Iterator[Store]:
    """A store in memory on the machine's clock, for what the fake one cannot move: event loops and people."""
    with open_store("memory://") as opened:
        yield opened


class AtOnce:
    """An executor that runs each call when it is submitted: all completions arrive together, in order."""

    def submit(self, call: Callable[[], None]) -> None:
        call()

    def submit_chunk(self, calls: Sequence[Callable[[], None]]) -> None:
        for call in calls:
            call()

    def abandon(self, call: Callable[[], None]) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let members run one after another on the driver, so that their completions arrive in one batch."""
    monkeypatch.setattr("durable.runs.host.ThreadExecutor", AtOnce)


class Died(BaseException):
    """The process of a test was killed here."""


class MortalStore(MemoryStore):
    """A store in memory whose process is killed instead of making one append more than it may."""

    def __init__(self, database: Database, clock: FakeClock, appends: int | None) -> None:
        super().__init__(database, "memory://", clock)
        self.left = appends
        self.dead = False

    def append(
        self, run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        if self.left == 0:
            self.die()
        if self.left is not None:
            self.left -= 1
        return super().append(run_id, events, expected_seq, token, consume=consume)

    def die(self) -> None:
        """Be gone, without giving anything back."""
        self.dead = True
        super().close()
        raise Died

    def release(self, lease: Any) -> None:
        if not self.dead:
            super().release(lease)


@pytest.fixture
def process(clock: FakeClock) -> Callable[..., MortalStore]:
    """Make stores that stand for processes on one machine: all see one disk.

    ``process(appends=3)`` is killed instead of making its fourth append.
    """
    database = Database()

    def begin(appends: int | None = None) -> MortalStore:
        return MortalStore(database, clock, appends)

    return begin
