"""Pruning a SQLite store: space goes back to the file system, beside others that write, and through kills."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from durable.core.digest import verified
from durable.core.events import Event
from durable.errors import RunPruned
from durable.store import Store
from durable.testing import FakeClock
from durable_sqlite import SQLiteStore, open_store

Starter = Callable[..., "subprocess.Popen[str]"]

CHANCE = random.Random(3)
T0 = 1_700_000_000_000_000


@pytest.fixture
def store(url: str) -> Iterator[SQLiteStore]:
    with open_store(url + "?synchronous=normal") as opened:
        yield opened


def _rows(store: SQLiteStore, query: str) -> list[Any]:
    return store._database.read(query, ())


def _size(url: str) -> int:
    path = url.removeprefix("sqlite:///")
    return sum(os.path.getsize(path + end) for end in ("", "-wal") if os.path.exists(path + end))


def _ended_run(store: Store, run_id: str, events: int = 1000, payload: bytes | None = None) -> None:
    lease = store.acquire(run_id, "me")
    log = [Event(1, T0, "RunCreated", data='{"workflow":"w"}')]
    encoding = None if payload is None else "pickle"
    log += [Event(seq, T0, "TaskSucceeded", f"task-{seq}", 1, None, encoding, payload) for seq in range(2, events)]
    log.append(Event(events, T0, "RunSucceeded"))
    for at in range(0, events, 1000):
        store.append(run_id, log[at : at + 1000], at, lease.token)
    store.release(lease)


def _log(store: Store, run_id: str) -> list[Event]:
    return list(verified(run_id, store.read(run_id), store.digests(run_id)))


def test_the_file_becomes_smaller(store: SQLiteStore, url: str) -> None:
    """What a pruned run took is given back, and the other runs are whole."""
    _ended_run(store, "keep")
    store.reclaim()
    before = _size(url)
    _ended_run(store, "large", 20_000)
    _ended_run(store, "values", 50, CHANCE.randbytes(300_000))
    store.reclaim()
    grown = _size(url)
    freed = store.prune("large", {}).freed + store.prune("values", {}).freed
    returned = store.reclaim()
    assert returned > 0.7 * (grown - before)
    assert 0.7 * returned < freed < 1.3 * returned, "what is said to be freed is about what is freed"
    assert _size(url) < before + 50_000
    assert len(_log(store, "keep")) == 1000
    assert _rows(store, "PRAGMA integrity_check") == [("ok",)]


def test_blobs_go_with_their_last_run(store: SQLiteStore) -> None:
    """A payload that two runs share stays until the second is pruned; what only one has goes at once."""
    shared, own = CHANCE.randbytes(5000), CHANCE.randbytes(6000)
    _ended_run(store, "a", 700, shared)
    _ended_run(store, "b", 700, shared)
    _ended_run(store, "c", 700, own)
    assert (store.sizes("a").shared, store.sizes("c").shared) == (5000, 0)
    assert store.sizes("c").payloads == {"TaskSucceeded": 6000}
    store.prune("a", {})
    store.prune("c", {})
    assert _rows(store, "SELECT length(content) FROM blobs") == [(5000,)]
    assert store.sizes("b").shared == 0
    assert _log(store, "b")[3].payload == shared
    store.prune("b", {})
    assert _rows(store, "SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM blob_uses)") == [(0, 0)]
    assert _rows(store, "SELECT count(*) FROM events") == [(0,)]


def test_plain_sql_shows_pruned_runs(store: SQLiteStore) -> None:
    """The run's row keeps the summary as JSON, and the view says when it was pruned."""
    _ended_run(store, "run")
    store.prune("run", {"succeeded": 998})
    query = "SELECT status, updated, pruned IS NOT NULL FROM run_status"
    assert _rows(store, query) == [("succeeded", "2023-11-14T22:13:20.000000Z", 1)]
    assert _rows(store, "SELECT summary ->> '$.tasks.succeeded', summary ->> '$.events' FROM runs") == [(998, 1000)]


def _make_old(url: str) -> None:
    """Make the database one of a durable that did not set ``auto_vacuum``."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as database:
        database.execute("PRAGMA auto_vacuum = NONE")
        database.execute("VACUUM")
        assert database.execute("PRAGMA auto_vacuum").fetchone() == (0,)


def test_older_files_are_written_anew_when_nobody_drives(url: str) -> None:
    """A file that cannot give back single pages does so as a whole, once no run is driven, and can from then on."""
    clock = FakeClock()
    with open_store(url, clock) as store:
        _ended_run(store, "keep")
        _ended_run(store, "large", 20_000)
    _make_old(url)
    with open_store(url, clock) as store:
        lease = store.acquire("live", "me")
        store.append("live", [Event(1, T0, "RunCreated")], 0, lease.token)
        store.prune("large", {})
        store.reclaim()
        assert _rows(store, "PRAGMA auto_vacuum") == [(0,)], "a driven run is not held up"
        free = _rows(store, "PRAGMA freelist_count")[0][0]
        assert free > 100
        store.append("live", [Event(2, T0, "RunSucceeded")], 1, lease.token)
        store.release(lease)
        assert store.reclaim() > free * 4096 * 0.9
        assert _rows(store, "PRAGMA auto_vacuum") == [(2,)]
        assert _rows(store, "PRAGMA freelist_count") == [(0,)]
        assert (len(_log(store, "keep")), len(_log(store, "live"))) == (1000, 2)
        _ended_run(store, "more", 20_000)
        store.reclaim()
        before = _size(url)
        store.prune("more", {})
        store.reclaim()
        assert _size(url) < before / 2
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_no_room_to_write_an_older_file_anew(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Who prunes because the disk is full is not refused: the file stays as it is, and is written anew another time."""
    with open_store(url) as store:
        _ended_run(store, "keep", 20_000)
        _ended_run(store, "large", 20_000)
    _make_old(url)
    with open_store(url) as store:
        store.prune("large", {})
        assert _rows(store, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0
        before, (soft, hard) = _size(url), resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            assert store.reclaim() == 0
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "not given back" in caplog.text
        assert len(_log(store, "keep")) == 20_000
        assert store.reclaim() > before / 3
        assert len(_log(store, "keep")) == 20_000
        assert _rows(store, "PRAGMA integrity_check") == [("ok",)]


DRIVER = """
with open_store(URL + "?synchronous=normal&timeout=20") as store:
    lease = store.acquire("live", "driver")
    seq = store.append("live", [created()], 0, lease.token)
    say("driving")
    slowest = 0.0
    while not os.path.exists(sys.argv[2]):
        begun = time.monotonic()
        seq = store.append("live", [Event(seq + 1, 1, "TaskStarted", "t", 1)], seq, lease.token)
        slowest = max(slowest, time.monotonic() - begun)
    say(seq, slowest)
"""


def test_a_driver_goes_on_meanwhile(start: Starter, url: str, tmp_path: Path) -> None:
    """A process that drives a run appends while another one prunes, is not pruned, and loses nothing."""
    stop = tmp_path / "stop"
    with open_store(url + "?synchronous=normal") as store:
        for n in range(4):
            _ended_run(store, f"old-{n}", 10_000)
        child = start(DRIVER, url, str(stop))
        assert child.stdout is not None
        assert child.stdout.readline() == "driving\n"
        seen = []
        for n in range(4):
            store.prune(f"old-{n}", {})
            info = store.run("live")
            assert info is not None
            seen.append(info.seq)
        assert store.reclaim() >= 0
        stop.touch()
        last = int(child.stdout.readline().split()[0])
        assert child.wait(30) == 0
        assert seen == sorted(set(seen)), "it appended between and during the prunes"
        assert len(_log(store, "live")) == last
        assert _rows(store, "PRAGMA integrity_check") == [("ok",)]


PRUNER = """
with open_store(URL + "?synchronous=normal") as store:
    say("open")
    store.prune("old", {"succeeded": 7})
"""


@pytest.mark.parametrize("reopen", [True, False])
def test_a_prune_that_was_killed_is_completed(start: Starter, url: str, reopen: bool) -> None:
    """A process that is killed while it deletes leaves a run that nobody reads; the next prune deletes the rest."""
    with open_store(url + "?synchronous=normal") as store:
        _ended_run(store, "old", 60_000, b"x" * 300)
        child = start(PRUNER, url)
        until = time.monotonic() + 30
        while (store.run("old").pruned is None) and time.monotonic() < until:  # type: ignore[union-attr]
            pass
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        (left,) = _rows(store, "SELECT count(*) FROM events")[0]
        assert left > 0, "the machine was too fast: nothing was tested"
        for look in (lambda: list(store.read("old")), lambda: store.event("old", 60_000)):
            with pytest.raises(RunPruned):
                look()
        if reopen:
            store.reclaim()
        else:
            assert store.prune("old", {}).tasks == {"succeeded": 7}
        assert _rows(store, "SELECT count(*) FROM events") == [(0,)]


def test_a_reader_in_the_middle_is_told(store: SQLiteStore) -> None:
    """Somebody who reads a long log while it is pruned gets an error, not a log that ends early."""
    _ended_run(store, "run", 5000)
    reader = store.read("run")
    assert next(reader).seq == 1
    store.prune("run", {})
    with pytest.raises(RunPruned):
        list(reader)
