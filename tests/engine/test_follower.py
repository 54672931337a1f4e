"""Reading a run that somebody else drives: only what is new, never more than was there, never another run's log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from durable import Event, LogCorrupt, Run, Store, Workflow, open_run, open_store, task
from durable.engine.follower import Follower
from durable.engine.load import load
from durable.store import Lease
from durable.testing import FakeClock
from tests.core.machine import facts


@task
def double(n: int) -> int:
    return 2 * n


def finished(tasks: int = 6) -> Run:
    """A run that has ended, to take events from."""
    wf = Workflow("w", store=open_store("memory://", clock=FakeClock()))
    for number in range(tasks):
        wf.add(double(task_id=f"t{number}", n=number))
    return wf.start(run_id="r")


class Growing:
    """A store that gets a finished run's commits one by one, as from a driver in another process."""

    def __init__(self, run: Run) -> None:
        self.source = run
        self.store = open_store("memory://", clock=FakeClock())
        self.lease: Lease = self.store.acquire("r", "driver")
        self.ends = [seq for seq, _ in run.store.digests("r")]
        self.at = 0

    def grow(self, commits: int = 1) -> bool:
        """Let the driver commit; False at the end."""
        for _ in range(commits):
            later = [end for end in self.ends if end > self.at]
            if not later:
                return False
            events = list(self.source.store.read("r", self.at, later[0]))
            self.store.append("r", events, self.at, self.lease.token)
            self.at = later[0]
        return True


@pytest.fixture
def growing() -> Growing:
    wf = Workflow("w", store=open_store("memory://", clock=FakeClock()))
    chain: Any = double(task_id="t0", n=0)
    for number in range(1, 8):
        chain = chain >> double(task_id=f"t{number}", n=number)
    wf.add(chain)
    return Growing(wf.start(run_id="r"))


def test_a_followed_state_is_the_folded_one_after_each_commit(growing: Growing) -> None:
    """Read bit by bit it is the same as read at once."""
    follower = Follower(growing.store, "r")
    while growing.grow():
        info = growing.store.run("r")
        assert info is not None
        assert facts(follower.state(info)) == facts(load(growing.store, "r"))


def test_only_what_is_new_is_read(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polling costs what has happened since, not what the run is."""
    read: list[int] = []
    original = growing.store.read

    def counting(run_id: str, after: int = 0, until: int | None = None) -> Iterator[Event]:
        for event in original(run_id, after, until):
            read.append(event.seq)
            yield event

    monkeypatch.setattr(growing.store, "read", counting)
    run = open_run("r", store=growing.store) if growing.grow() else None
    assert run is not None
    run.progress()
    del read[:]
    while growing.grow():
        for _ in range(3):
            run.progress()
    assert read == sorted(set(read))
    assert run.progress().done == 8


def test_a_driver_that_appends_meanwhile_is_no_damage(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that come between the reading of the digests and that of the events are left for the next time."""
    growing.grow(3)
    original = growing.store.digests

    def late(run_id: str, after: int = 0, until: int | None = None) -> Iterator[tuple[int, bytes]]:
        found = list(original(run_id, after, until))
        growing.grow()
        return iter(found)

    monkeypatch.setattr(growing.store, "digests", late)
    follower = Follower(growing.store, "r")
    for _ in range(4):
        info = growing.store.run("r")
        assert info is not None
        assert follower.state(info).seq >= info.seq
        assert open_run("r", store=growing.store).load_state().seq >= info.seq


def test_a_run_that_was_begun_again_is_read_anew() -> None:
    """The log of that id is another one now: nothing of the old one is left."""
    first, second = finished(2), finished(5)
    follower = Follower(first.store, "r")
    state = follower.state(first.info)
    assert len(state.nodes) == 2
    follower._store = second.store
    assert len(follower.state(second.info).nodes) == 5


def test_damage_is_named_and_named_again(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that met a damaged event half way is not used any more."""
    growing.grow(2)
    follower = Follower(growing.store, "r")
    info = growing.store.run("r")
    assert info is not None
    follower.state(info)
    growing.grow(2)
    events = growing.store._opened().runs["r"].events  # type: ignore[attr-defined]
    events[-1] = Event(events[-1].seq, 0, "TaskSucceeded", "t0", 1)
    info = growing.store.run("r")
    assert info is not None
    for _ in range(2):
        with pytest.raises(LogCorrupt, match="damaged"):
            follower.state(info)


def test_a_handle_that_drove_the_run_measures_it_without_reading(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the state at hand."""
    wf = Workflow("w", store=store)
    wf.add(double(n=3))
    run = wf.start(run_id="r")
    monkeypatch.setattr(store, "read", None)
    assert run.progress().succeeded == 1
