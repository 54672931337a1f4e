"""A database that others lock, hold or delete: appends wait, and in the end an error names the file."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from durable.core.events import Event
from durable.errors import StoreBusy, StoreError
from durable_sqlite import open_store
from tests.stores.sqlite_files import log_of, path_of

Starter = Callable[..., "subprocess.Popen[str]"]

LOCKER = """
import sqlite3
other = sqlite3.connect(sys.argv[2], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
say("locked")
time.sleep(float(sys.argv[3]))
other.execute("COMMIT")
"""


def test_another_programs_lock_only_delays_us(start: Starter, url: str) -> None:
    """While some other program holds the database locked, an append waits, and then succeeds."""
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        child = start(LOCKER, url, str(path_of(url)), "0.7")
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"
        began = time.monotonic()
        store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        assert time.monotonic() - began > 0.3
        assert len(log_of(store)) == 1


def test_a_lock_that_stays_is_an_error_in_the_end(start: Starter, url: str) -> None:
    """Beyond the timeout the append is refused as busy, nothing is written, and the store stays usable."""
    with open_store(url + "?timeout=0.2") as store:
        lease = store.acquire("run", "me")
        child = start(LOCKER, url, str(path_of(url)), "30")
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"
        first = Event(1, 1, "RunCreated", data='{"workflow":"w"}')
        with pytest.raises(StoreBusy, match=str(path_of(url))):
            store.append("run", [first], 0, lease.token)
        assert store.run("run") is None
        child.kill()
        child.wait()
        assert store.append("run", [first], 0, lease.token) == 1


def test_a_writer_that_hangs_is_named(start: Starter, url: str) -> None:
    """A stopped process inside a transaction of ours makes others busy, with the lock file named, until it goes."""
    code = """
store = open_store(URL)
with store._database.transaction:
    say("inside")
    time.sleep(60)
"""
    with open_store(url + "?timeout=0.2") as store:
        child = start(code, url)
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        for _ in range(2):
            with pytest.raises(StoreBusy, match=r"runs\.db-lock"):
                store.acquire("run", "me")
        child.kill()
        child.wait()
        assert store.acquire("run", "me").token == 1


def test_a_database_deleted_under_us_is_named(url: str) -> None:
    """When the file is removed while the store is open, the next heartbeat or lease says so."""
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path_of(url)}{suffix}").unlink()
        with pytest.raises(StoreError, match="moved or deleted"):
            store.renew(lease)
        with pytest.raises(StoreError, match="moved or deleted"):
            store.acquire("another", "me")
