"""What survives when processes die, stop or fork: acknowledged events, dense logs, honest leases."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from durable.clock import SystemClock
from durable.core.digest import verified
from durable.core.events import Event
from durable.errors import LeaseLost, RunAlreadyDriven
from durable.store import Store
from durable.testing import FakeClock
from durable_sqlite import open_store

Starter = Callable[..., "subprocess.Popen[str]"]

WRITER = """
store = open_store(URL)
lease = store.acquire("run", "writer")
seq = store.run("run").seq if store.run("run") else store.append("run", [created()], 0, lease.token)
say("ready", seq)
while True:
    events = [Event(seq + n, seq, "TaskSucceeded", "t", 1, None, "json", b'"' + b"x" * (seq * 37 % 3000) + b'"')
              for n in range(1, 2 + seq % 4)]
    seq = store.append("run", events, seq, lease.token)
    say(seq)
"""

HOLDER = """
store = open_store(URL)
lease = store.acquire("run", "holder", float(sys.argv[2]))
seq = store.append("run", [created()], 0, lease.token)
say("held", lease.token)
for line in sys.stdin:
    try:
        seq = store.append("run", [Event(seq + 1, 1, "TaskStarted", "t", 1)], seq, lease.token)
        say("appended", seq)
    except Exception as error:
        say(type(error).__name__)
"""


def _said(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def _tell(child: subprocess.Popen[str]) -> str:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()
    return _said(child)


def _log(store: Store, run_id: str = "run") -> list[Event]:
    return list(verified(run_id, store.read(run_id), store.digests(run_id)))


def test_acknowledged_events_survive_sigkill(start: Starter, url: str) -> None:
    """A writer killed at any instant leaves a dense, verified log with every event it had acknowledged."""
    chance = random.Random(7)
    for _ in range(8):
        child = start(WRITER, url)
        assert _said(child).startswith("ready")
        time.sleep(chance.uniform(0.0, 0.08))
        child.send_signal(signal.SIGKILL)
        said, _ = child.communicate()
        whole = said[: said.rfind("\n") + 1].split()
        with open_store(url) as store:
            found = [event.seq for event in _log(store)]
            assert found == list(range(1, len(found) + 1))
            assert not whole or len(found) >= int(whole[-1])


def test_writers_of_all_processes_are_served(start: Starter, url: str) -> None:
    """Four processes that append without pause all get their turn: none starves."""
    code = """
store = open_store(URL)
lease = store.acquire(sys.argv[2], "writer")
seq = store.append(sys.argv[2], [created()], 0, lease.token)
say("ready")
sys.stdin.readline()
end = time.monotonic() + 1.5
while time.monotonic() < end:
    seq = store.append(sys.argv[2], [Event(seq + 1, 1, "TaskStarted", "t", 1)], seq, lease.token)
say(seq)
"""
    open_store(url).close()
    children = [start(code, url, f"run-{n}") for n in range(4)]
    assert [_said(child) for child in children] == ["ready"] * 4
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    counts = [int(_said(child)) for child in children]
    assert min(counts) * 10 > max(counts), counts
    with open_store(url) as store:
        assert [len(_log(store, f"run-{n}")) for n in range(4)] == counts


def test_a_killed_drive_is_taken_over_at_once(start: Starter, url: str) -> None:
    """A living drive keeps its run; the instant it is killed anybody may take over, long before it expires."""
    child = start(HOLDER, url, "3600")
    assert _said(child) == "held 1"
    with open_store(url) as store:
        with pytest.raises(RunAlreadyDriven, match=str(child.pid)):
            store.acquire("run", "me")
        assert store.lease("run").alive  # type: ignore[union-attr]
        assert [info.shown_status for info in store.runs()] == ["running"]
        child.kill()
        child.wait()
        assert not store.lease("run").alive  # type: ignore[union-attr]
        assert [info.shown_status for info in store.runs()] == ["interrupted"]
        lease = store.acquire("run", "me")
        assert (lease.took_over, lease.token) == ("died", 2)
        assert len(os.listdir(Path(url[10:] + "-drives"))) == 1, "the dead drive's file is gone"


def test_a_frozen_drive_is_taken_over_when_its_lease_expires(start: Starter, url: str) -> None:
    """A stopped process is given time until its lease expires; when it wakes, its appends are refused."""
    child = start(HOLDER, url, "0.5")
    assert _said(child) == "held 1"
    child.send_signal(signal.SIGSTOP)
    with open_store(url) as store:
        deadline = time.monotonic() + 20
        while True:
            try:
                lease = store.acquire("run", "me")
                break
            except RunAlreadyDriven:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert lease.took_over == "expired"
        child.send_signal(signal.SIGCONT)
        assert _tell(child) == "LeaseLost"
        assert store.append("run", [Event(2, 1, "TaskStarted", "t", 1)], 1, lease.token) == 2
        assert [event.seq for event in _log(store)] == [1, 2]


class _Ahead(SystemClock):
    """The machine's clocks after somebody set the wall clock forward by a day."""

    def now(self) -> int:
        return super().now() + 86_400_000_000


def test_a_process_whose_wall_clock_was_set_robs_nobody(start: Starter, url: str) -> None:
    """Another process that reads a wall clock of tomorrow still sees that the drive is there and in time."""
    child = start(HOLDER, url, "30")
    assert _said(child) == "held 1"
    with open_store(url, _Ahead()) as store:
        assert store.lease("run").alive  # type: ignore[union-attr]
        with pytest.raises(RunAlreadyDriven, match=str(child.pid)):
            store.acquire("run", "me")
        assert _tell(child) == "appended 2"


def test_a_lease_from_another_machine_goes_by_the_wall_clock(url: str) -> None:
    """Another machine's monotonic clock means nothing here, and its locks cannot be seen."""
    clock = FakeClock()
    with open_store(url, clock) as store:
        for ends in (0, 2**60):
            store.acquire("run", "there", 30)
            row = f"UPDATE leases SET host = 'elsewhere', file = NULL, expires_monotonic = {ends}"
            with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
                database.execute(row)
            database.close()
            clock.advance(29)
            assert store.lease("run").alive  # type: ignore[union-attr]
            with pytest.raises(RunAlreadyDriven, match="elsewhere"):
                store.acquire("run", "me")
            clock.advance(2)
            assert not store.lease("run").alive  # type: ignore[union-attr]
            lease = store.acquire("run", "me")
            assert lease.took_over == "expired"
            store.release(lease)


def test_looking_at_a_lease_never_disturbs_its_drive(start: Starter, url: str) -> None:
    """While other processes look at leases all the time, a drive can take, keep and release its own."""
    code = """
store = open_store(URL)
say("ready")
while True:
    store.lease("run"); list(store.runs())
"""
    open_store(url).close()
    lookers = [start(code, url) for _ in range(2)]
    assert [_said(looker) for looker in lookers] == ["ready"] * 2
    with open_store(url + "?synchronous=normal") as store:
        for token in range(1, 200):
            lease = store.acquire("run", "me")
            assert (lease.token, lease.took_over) == (token, None)
            assert store.lease("run").alive  # type: ignore[union-attr]
            store.release(lease)


FORKER = """
store = open_store(URL)
lease = store.acquire("run", "parent", 3600)
seq = store.append("run", [created()], 0, lease.token)
connection = store._database._connection
child = os.fork()
if not child:
    assert store._database._connection is None, "the child dropped the parent's connection"
    assert len(list(store.read("run"))) == 1
    mine = store.acquire("child", "child")
    store.append("child", [created()], 0, mine.token)
    store.release(lease)
    assert store._database._connection is not connection
    if sys.argv[2] == "orphan":
        sys.stdin.readline()
    sys.stdout.flush()
    os._exit(0)
if sys.argv[2] == "orphan":
    while store.run("child") is None:
        time.sleep(0.01)
    say(child)
    os.kill(os.getpid(), signal.SIGKILL)
assert os.waitpid(child, 0)[1] == 0
seq = store.append("run", [Event(2, 1, "TaskStarted", "t", 1)], seq, lease.token)
say("parent", seq, store.lease("run").alive, [info.seq for info in store.runs()])
"""


def test_a_forked_child_has_a_connection_of_its_own(start: Starter, url: str) -> None:
    """After a fork both processes write; the child neither uses the parent's connection nor drops its lease."""
    child = start(FORKER, url, "wait")
    assert _said(child) == "parent 2 True [1, 2]"
    assert child.wait() == 0
    with open_store(url) as store:
        assert [len(_log(store, run)) for run in ("run", "child")] == [2, 1]


def test_an_orphan_does_not_keep_its_parents_lease(start: Starter, url: str) -> None:
    """A forked child that outlives its killed parent does not make the parent look alive."""
    parent = start(FORKER, url, "orphan")
    orphan = int(_said(parent))
    parent.wait()
    try:
        os.kill(orphan, 0)
        with open_store(url) as store:
            assert store.acquire("run", "me").took_over == "died"
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_fork_waits_for_the_transaction_under_way(start: Starter, url: str) -> None:
    """Forking while other threads append harms neither the parent's log nor the children."""
    code = """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and later warn of forks beside threads
store = open_store(URL + "?synchronous=normal")
stop = threading.Event()
def write(name):
    lease = store.acquire(name, name)
    seq = store.append(name, [created()], 0, lease.token)
    while not stop.is_set():
        seq = store.append(name, [Event(seq + 1, 1, "TaskStarted", "t", 1)], seq, lease.token)
threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(2)]
for thread in threads: thread.start()
for n in range(20):
    child = os.fork()
    if not child:
        mine = store.acquire(f"c{n}", "child")
        store.append(f"c{n}", [created()], 0, mine.token)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
for info in store.runs():
    assert len(list(verified(info.run_id, store.read(info.run_id), store.digests(info.run_id)))) == info.seq
say("runs", len(list(store.runs())))
"""
    child = start(code, url)
    said, _ = child.communicate(timeout=50)
    assert said == "runs 22\n"


def test_stale_appends_change_nothing(url: str) -> None:
    """The append of a drive that was taken over leaves no trace, also when its seq would have fitted."""
    with open_store(url) as one, open_store(url) as two:
        stale = one.acquire("run", "one", 0)
        one.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, stale.token)
        fresh = two.acquire("run", "two")
        assert fresh.took_over == "expired"
        with pytest.raises(LeaseLost, match="run run"):
            one.append("run", [Event(2, 1, "TaskStarted", "stale", 1)], 1, stale.token)
        two.append("run", [Event(2, 1, "TaskStarted", "fresh", 1)], 1, fresh.token)
        assert [event.task_id for event in _log(one)] == [None, "fresh"]
