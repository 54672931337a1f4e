"""Every way the file can be wrong gives a typed error that names it, and harms nothing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from durable.core.digest import verified
from durable.core.events import Event
from durable.errors import (
    ForeignStore,
    LogCorrupt,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreNotFound,
    StoreTooNew,
)
from durable.store import Store
from durable_sqlite import open_store
from durable_sqlite.address import parse_url

Starter = Callable[..., "subprocess.Popen[str]"]


def _fill(url: str, events: int = 50, payload: bytes = b'"hello"') -> int:
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        for seq in range(1, events):
            store.append("run", [Event(seq + 1, 1, "TaskSucceeded", "t", 1, None, "json", payload)], seq, lease.token)
        store.release(lease)
    return events


def _log(store: Store) -> list[Event]:
    return list(verified("run", store.read("run"), store.digests("run")))


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///").partition("?")[0])


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("sqlite:///a.db?synchronous=off", "synchronous=off"),
        ("sqlite:///a.db?synchronous=", "synchronous="),
        ("sqlite:///a.db?timeout=soon", "timeout=soon"),
        ("sqlite:///a.db?timeout=nan", "timeout=nan"),
        ("sqlite:///a.db?journal=wal", "journal"),
        ("sqlite://", "does not name"),
        ("sqlite:///", "does not name"),
        ("sqlite://host/a.db", "does not name"),
        ("sqlite:///:memory:", "memory://"),
    ],
)
def test_a_wrong_url_is_refused_by_name(url: str, complaint: str) -> None:
    """An unknown option, an impossible value or a missing path is named; nothing is guessed."""
    with pytest.raises(StoreError, match=complaint):
        parse_url(url)


def test_urls_name_the_file_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative, absolute, spaced and percent-encoded paths lead to that file, and folders are made."""
    monkeypatch.chdir(tmp_path)
    odd = tmp_path / "a b" / "100%" / "what?#.db"
    for url, path in (
        ("sqlite:///rel/runs.db", tmp_path / "rel" / "runs.db"),
        (f"sqlite:///{tmp_path}/abs.db?synchronous=NORMAL&timeout=3", tmp_path / "abs.db"),
        (f"sqlite:///{tmp_path}/a%20b/100%25/what%3F%23.db", odd),
        ("sqlite:///sp ace.db", tmp_path / "sp ace.db"),
    ):
        with open_store(url) as store:
            assert (store.url, store.address.path) == (url, path)
        assert path.is_file()


def test_our_folder_is_ignored_by_git(tmp_path: Path) -> None:
    """A ``.durable`` folder that we make is kept out of version control; one that was there is left alone."""
    open_store(f"sqlite:///{tmp_path}/one/.durable/runs.db").close()
    assert (tmp_path / "one/.durable/.gitignore").read_text() == "*\n"
    (tmp_path / "two/.durable").mkdir(parents=True)
    open_store(f"sqlite:///{tmp_path}/two/.durable/runs.db").close()
    assert not (tmp_path / "two/.durable/.gitignore").exists()


def test_a_foreign_database_is_refused_untouched(url: str) -> None:
    """A database of another program is refused; neither it nor its folder changes by a byte."""
    for pragma in ("user_version = 7", "application_id = 99", "journal_mode = wal"):
        path = _path(url).with_name(f"{pragma[:4]}.db")
        with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
            foreign.execute(f"PRAGMA {pragma}")
            foreign.execute("CREATE TABLE theirs (a)")
            foreign.execute("INSERT INTO theirs VALUES (1)")
        foreign.close()
        before = path.read_bytes(), sorted(os.listdir(path.parent))
        with pytest.raises(ForeignStore, match=str(path)):
            open_store(f"sqlite:///{path}")
        assert (path.read_bytes(), sorted(os.listdir(path.parent))) == before


def test_a_newer_schema_is_refused_untouched(url: str) -> None:
    """A database that a later durable wrote is refused with both versions named."""
    _fill(url)
    with closing(sqlite3.connect(_path(url), isolation_level=None)) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    before = _path(url).read_bytes()
    with pytest.raises(StoreTooNew, match=r"version 99.*up to 3"):
        open_store(url)
    assert _path(url).read_bytes() == before


@pytest.mark.parametrize("content", [b"hello", b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 4080])
def test_what_is_no_database_is_called_damaged(url: str, content: bytes) -> None:
    """A file that SQLite cannot read at all is reported as such, and left as it is."""
    _path(url).write_bytes(content)
    with pytest.raises(StoreCorrupt, match=str(_path(url))):
        open_store(url)
    assert _path(url).read_bytes() == content


def test_a_truncated_database_is_called_damaged(url: str) -> None:
    """A database that lost its end is refused when it is opened, not when the lost part is needed."""
    _fill(url, 200)
    whole = _path(url).read_bytes()
    for size in (len(whole) // 2 // 4096 * 4096, len(whole) - 4096, 3000, 600):
        _path(url).write_bytes(whole[:size])
        with pytest.raises(StoreCorrupt):
            open_store(url)
    _path(url).write_bytes(whole)
    with open_store(url) as store:
        assert len(_log(store)) == 200


def test_a_flipped_byte_in_a_payload_is_found(url: str) -> None:
    """SQLite does not see a changed byte in a value; the digests do, and name the event."""
    marks = [b'"' + bytes([65 + n]) * 20 + b'"' for n in range(5)]
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        for seq, mark in enumerate(marks, 1):
            store.append("run", [Event(seq + 1, 1, "TaskSucceeded", "t", 1, None, "json", mark)], seq, lease.token)
    content = _path(url).read_bytes()
    assert content.count(marks[2]) == 1
    _path(url).write_bytes(content.replace(marks[2], marks[2].replace(b"CCC", b"CxC", 1)))
    with open_store(url) as store:
        with pytest.raises(LogCorrupt) as caught:
            _log(store)
        assert caught.value.seq == 4
        assert [event.seq for event in verified("run", store.read("run", 0, 3), store.digests("run", 0, 3))] == [
            1,
            2,
            3,
        ]
    _path(url).write_bytes(content.replace(marks[2], marks[2].replace(b"CCC", b"C\xffC", 1)))
    with open_store(url) as store, pytest.raises(LogCorrupt):
        _log(store)


def test_any_flipped_byte_is_named_or_harmless(url: str) -> None:
    """Whatever byte of the file is changed: reading gives a typed error or true events, never a wrong one.

    Damage to SQLite's own pages can hide the end of a log, as an older copy of the file would.
    """
    _fill(url, 60)
    with open_store(url) as store:
        truth = _log(store)
    content = bytearray(_path(url).read_bytes())
    for position in range(0, len(content), 61):
        content[position] ^= 0x5A
        _path(url).write_bytes(content)
        content[position] ^= 0x5A
        try:
            with open_store(url + "?synchronous=normal") as store:
                found = _log(store)
        except StoreError:
            continue
        assert found == truth[: len(found)], position


def test_a_lost_end_is_noticed_before_appending(url: str) -> None:
    """When the last events were cut out by hand, the next append is refused instead of hiding it."""
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        first = Event(1, 1, "RunCreated", data='{"workflow":"w"}')
        store.append(
            "run", [first, Event(2, 1, "TaskStarted", "t", 1), Event(3, 1, "TaskStarted", "u", 1)], 0, lease.token
        )
        with closing(sqlite3.connect(_path(url), isolation_level=None)) as other:
            other.execute("DELETE FROM events WHERE seq = 3")
        other.close()
        with pytest.raises(LogCorrupt, match="seq 2"):
            store.append("run", [Event(3, 1, "TaskStarted", "v", 1)], 2, lease.token)


def test_a_full_database_refuses_and_goes_on(url: str) -> None:
    """When no space is left, the append is refused whole; all that was acknowledged stays; then it goes on."""
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        seq = store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        pages = store._link.connection().execute("PRAGMA page_count").fetchone()[0]
        store._link.connection().execute(f"PRAGMA max_page_count = {pages + 5}")
        big = Event(2, 1, "TaskSucceeded", "t", 1, None, "raw", bytes(100_000))
        for _ in range(3):
            with pytest.raises(StoreFull, match=str(_path(url))):
                store.append("run", [big], seq, lease.token)
        assert [event.seq for event in _log(store)] == [1]
        store._link.connection().execute("PRAGMA max_page_count = 100000")
        assert store.append("run", [big], seq, lease.token) == 2
        assert len(_log(store)) == 2


def test_writes_that_fail_are_a_full_disk(start: Starter, url: str) -> None:
    """A write that the system refuses (here: a file-size limit) shows as ``StoreFull`` and loses nothing."""
    code = """
import resource
from durable.errors import StoreFull
store = open_store(URL)
lease = store.acquire("run", "me")
seq = store.append("run", [created()], 0, lease.token)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for _ in range(200):
    try:
        event = Event(seq + 1, 1, "TaskSucceeded", "t", 1, None, "raw", bytes(9000))
        seq = store.append("run", [event], seq, lease.token)
    except StoreFull as error:
        hint = error.hint
        break
assert len(list(verified("run", store.read("run"), store.digests("run")))) == seq
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
full = seq
seq = store.append("run", [Event(seq + 1, 1, "TaskStarted", "t", 1)], seq, lease.token)
say("full at", full, "then", seq, hint)
"""
    child = start(code, url)
    said, _ = child.communicate(timeout=50)
    words = said.split()
    assert words[:2] == ["full", "at"], said
    assert int(words[4]) == int(words[2]) + 1
    with open_store(url) as store:
        assert len(_log(store)) == int(words[4])


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="durable-test-") as name:
        yield Path(name)


READER = """
os.setgid(65534); os.setuid(65534)
from durable.errors import StoreReadOnly
store = open_store(URL)
say(len(list(verified("run", store.read("run"), store.digests("run")))), store.run("run").shown_status)
for write in (lambda: store.acquire("run", "me"), lambda: store.drop_checkpoints("run"),
              lambda: store.append("run", [Event(51, 1, "TaskStarted")], 50, 1)):
    try:
        write()
    except StoreReadOnly as error:
        say("read-only:", error.hint)
say(len(list(store.read("run"))))
sys.stdin.readline()
say(len(list(store.read("run"))))
store.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody without permissions")
@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o777, 0o644), (0o755, 0o666)])
def test_what_may_not_be_written_can_still_be_read(start: Starter, shared: Path, folder: int, file: int) -> None:
    """Without permission to write the file or its folder, reading works, and sees what others add."""
    url = f"sqlite:///{shared}/runs.db"
    _fill(url)
    _path(url).chmod(file)
    shared.chmod(folder)
    child = start(READER, url)
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == "50 interrupted\n"
    said = [child.stdout.readline() for _ in range(3)]
    assert all(line.startswith("read-only: Make the file") for line in said), said
    assert child.stdout.readline() == "50\n"
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        store.append("run", [Event(51, 1, "TaskStarted", "t", 1)], 50, lease.token)
    child.stdin.write("go\n")
    child.stdin.flush()
    assert child.stdout.readline() == "51\n"
    assert child.wait() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody without permissions")
def test_a_store_that_cannot_be_made_says_so(start: Starter, url: str) -> None:
    """In a folder that may not be written to, opening a store that is not there is a clear error."""
    code = """
from durable.errors import StoreError, StoreNotFound
os.setgid(65534); os.setuid(65534)
for url in (URL, "sqlite:////proc/durable/runs.db", "sqlite:////proc/durable.db", "sqlite:////tmp"):
    try:
        open_store(url)
    except StoreError as error:
        say(type(error).__name__, bool(error.hint))
"""
    child = start(code, "sqlite:////root/durable-no-such/runs.db")
    said, _ = child.communicate(timeout=50)
    assert [line.split()[1] for line in said.splitlines()] == ["True"] * 4, said
    assert StoreNotFound.__name__ in said


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
        child = start(LOCKER, url, str(_path(url)), "0.7")
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"
        began = time.monotonic()
        store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        assert time.monotonic() - began > 0.3
        assert len(_log(store)) == 1


def test_a_lock_that_stays_is_an_error_in_the_end(start: Starter, url: str) -> None:
    """Beyond the timeout the append is refused as busy, nothing is written, and the store stays usable."""
    with open_store(url + "?timeout=0.2") as store:
        lease = store.acquire("run", "me")
        child = start(LOCKER, url, str(_path(url)), "30")
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"
        first = Event(1, 1, "RunCreated", data='{"workflow":"w"}')
        with pytest.raises(StoreBusy, match=str(_path(url))):
            store.append("run", [first], 0, lease.token)
        assert store.run("run") is None
        child.kill()
        child.wait()
        assert store.append("run", [first], 0, lease.token) == 1


def test_a_writer_that_hangs_is_named(start: Starter, url: str) -> None:
    """A stopped process inside a transaction of ours makes others busy, with the lock file named, until it goes."""
    code = """
store = open_store(URL)
with store._link.writing:
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
            Path(f"{_path(url)}{suffix}").unlink()
        with pytest.raises(StoreError, match="moved or deleted"):
            store.renew(lease)
        with pytest.raises(StoreError, match="moved or deleted"):
            store.acquire("another", "me")
