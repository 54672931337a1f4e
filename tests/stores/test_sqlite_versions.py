"""Databases that an older durable wrote: they are brought up to date, or read as they are, and lose nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from durable.core.digest import verified
from durable.core.events import Event
from durable.errors import RunAlreadyDriven, StoreBusy
from durable.store import Checkpoint, Message, RunInfo, Store
from durable.testing import FakeClock
from durable.testing.clock import START
from durable_sqlite import SQLiteStore, open_store
from durable_sqlite.schema import APPLICATION_ID, VERSION

Starter = Callable[..., "subprocess.Popen[str]"]

OLD = (1, 2)
"""Schema versions before the present one; ``version_N.sql`` holds a database of each.

In each are a failed run, and one whose drive's machine is called "elsewhere".
"""

DONE = RunInfo("done", "flow", "failed", START, START + 5_000_000, 6, False, "flow.py", "abc")
HALF = RunInfo(
    "half", "flow", "running", START + 5_000_000, START + 7_000_000, 3, True, "flow.py", "abc", messages=True
)


@pytest.fixture(params=OLD)
def version(request: pytest.FixtureRequest) -> int:
    """An older schema version."""
    return int(request.param)


@pytest.fixture
def old(url: str, version: int) -> str:
    """The URL of a database of that version."""
    _write_old(Path(url.removeprefix("sqlite:///")), version)
    return url


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="durable-test-") as name:
        yield Path(name)


def _write_old(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(Path(__file__).with_name(f"version_{version}.sql").read_text())
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {version}")


def _log(store: Store, run_id: str) -> list[int]:
    return [event.seq for event in verified(run_id, store.read(run_id), store.digests(run_id))]


def _schema(store: SQLiteStore) -> list[tuple[str, ...]]:
    columns = store._database.read(
        "SELECT m.name, c.name, c.type, c.pk FROM sqlite_master m, pragma_table_info(m.name) c ORDER BY 1, c.cid", ()
    )
    views = store._database.read("SELECT name, sql FROM sqlite_master WHERE type = 'view' ORDER BY name", ())
    return [*columns, *views]


def test_an_older_database_is_brought_up_to_date(old: str, tmp_path: Path) -> None:
    """Runs, logs, checkpoints and inboxes are as they were, and the schema is that of a new database."""
    with open_store(old, FakeClock()) as store, open_store(f"sqlite:///{tmp_path}/new.db") as new:
        assert store._database.read("PRAGMA user_version", ()) == [(VERSION,)]
        assert store._database.read("PRAGMA integrity_check", ()) == [("ok",)]
        assert _schema(store) == _schema(new)
        assert list(store.runs()) == [HALF, DONE]
        assert (_log(store, "done"), _log(store, "half")) == ([1, 2, 3, 4, 5, 6], [1, 2, 3])
        assert store.checkpoints("half") == [Checkpoint(2, b"d" * 16, b"state", START + 6_000_000)]
        assert store.inbox("half") == [Message("waits", "cancel", "{}", START + 7_000_000)]
        assert not store.send("half", Message("seen", "cancel")), "an id that was consumed before"
    with open_store(old, FakeClock()) as again:
        assert list(again.runs()) == [HALF, DONE]


def test_runs_of_an_older_database_go_on(old: str) -> None:
    """They are driven, suspended and listed like those of a new one, and the views know the new events."""
    with open_store(old) as store:
        lease = store.acquire("half", "me")
        assert (lease.took_over, lease.token) == ("expired", 2)
        events = [
            Event(4, START, "TaskStarted", "two", 1),
            Event(5, START, "TaskSuspended", "two", 1),
            Event(6, START, "RunSuspended", data='{"waiting":["a timer"],"due":77}'),
        ]
        store.append("half", events, 3, lease.token, consume=["waits"])
        store.release(lease)
        assert [(info.run_id, info.due, info.messages) for info in store.runs(status="suspended")] == [
            ("half", 77, False)
        ]
        assert _log(store, "half") == [1, 2, 3, 4, 5, 6]
        statuses = "SELECT task_id, status FROM task_status WHERE run_id = 'half' ORDER BY task_id"
        assert store._database.read(statuses, ()) == [("one", "succeeded"), ("two", "suspended")]


def test_a_lease_of_an_older_drive_goes_by_the_wall_clock(old: str) -> None:
    """It has no monotonic end, so its wall-clock end counts: nobody takes a run from an older drive that lives."""
    clock = FakeClock()
    with open_store(old, clock) as store, open_store(old, clock) as other:
        held = store.acquire("own", "me", 30)
        with sqlite3.connect(store.config.path) as database:
            database.execute("UPDATE leases SET expires_monotonic = NULL")
        database.close()
        clock.advance(29)
        for run_id in ("own", "half"):
            with pytest.raises(RunAlreadyDriven):
                other.acquire(run_id, "another")
        clock.advance(7)
        assert not other.lease("own").alive  # type: ignore[union-attr]
        for run_id in ("own", "half"):
            assert other.acquire(run_id, "another").took_over == "expired"
        store.release(held)


def test_several_may_bring_it_up_to_date_at_once(tmp_path: Path, version: int) -> None:
    """Threads that open an older database at the same time all find the new schema."""
    for n in range(5):
        path = tmp_path / f"{n}.db"
        _write_old(path, version)
        with ThreadPoolExecutor(4) as pool:
            stores = list(pool.map(lambda one: open_store(one, FakeClock()), [f"sqlite:///{path}"] * 4))
        assert [list(store.runs()) for store in stores] == [[HALF, DONE]] * 4
        for store in stores:
            store.close()


OLD_DRIVE = """
import sqlite3, fcntl
path = URL.removeprefix("sqlite:///")
os.makedirs(path + "-drives", exist_ok=True)
fd = os.open(path + "-drives/1-old", os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
with sqlite3.connect(path) as database:
    database.execute("UPDATE leases SET owner = 'old', pid = ?, host = 'here', file = '1-old' WHERE run_id = 'half'",
        (os.getpid(),))
database.close()
say("driving")
sys.stdin.readline()
"""


def test_no_tables_are_changed_under_an_older_drive(start: Starter, old: str, version: int) -> None:
    """Its next append would fail: a database that a live process drives is refused, and opened once that is gone."""
    path = old.removeprefix("sqlite:///")
    child = start(OLD_DRIVE, old)
    assert child.stdout is not None
    assert child.stdout.readline() == "driving\n"
    with pytest.raises(StoreBusy, match=f"process {child.pid} drives") as refused:
        open_store(old)
    assert refused.value.run_id == "half"
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (version,)
        assert len(database.execute("PRAGMA table_info(events)").fetchall()) == 10
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    with open_store(old) as store:
        assert store.acquire("half", "new").took_over is not None
        assert store._database.read("PRAGMA user_version", ()) == [(VERSION,)]


READER = """
os.setgid(65534); os.setuid(65534)
store = open_store(URL)
def look():
    found = [(info.run_id, info.status, info.due, info.messages) for info in store.runs()]
    say(found, len(list(verified("half", store.read("half"), store.digests("half")))), store.lease("half").owner)
look()
sys.stdin.readline()
look()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody without permissions")
@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o777, 0o644)])
def test_an_older_database_that_cannot_be_changed_is_read(
    start: Starter, shared: Path, version: int, folder: int, file: int
) -> None:
    """Without permission to write it stays as it is, can be read, and can still be once somebody changed it."""
    path = shared / "runs.db"
    _write_old(path, version)
    path.chmod(file)
    shared.chmod(folder)
    before = path.read_bytes()
    child = start(READER, f"sqlite:///{path}")
    assert child.stdout is not None
    assert child.stdin is not None
    rest = "('done', 'failed', None, False)]"
    assert child.stdout.readline() == f"[('half', 'running', None, True), {rest} 3 drive-2\n"
    assert path.read_bytes() == before
    with open_store(f"sqlite:///{path}") as store:
        lease = store.acquire("half", "me")
        large = Event(4, START, "TaskSucceeded", "one", 1, None, "json", b'"%s"' % (b"x" * 5000))  # kept in a new table
        store.append("half", [large, Event(5, START, "RunSuspended", data='{"due":77}')], 3, lease.token)
        child.stdin.write("go\n")
        child.stdin.flush()
        assert child.stdout.readline() == f"[('half', 'suspended', 77, True), {rest} 5 me\n"
