"""The write-ahead log is made longer before it has to be, and nothing that is in it is lost or changed by that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from durable import Store, open_store
from durable.core.events import Event
from durable_sqlite.wal_preallocation import _PAGES, WalPreallocation

TIMES = max(_PAGES) + 10
LONG = max(_PAGES.values()) * 4096


def begun(folder: Path, query: str = "") -> tuple[Store, int]:
    store = open_store(f"sqlite:///{folder}/runs.db{query}")
    lease = store.acquire("run", "test")
    store.append("run", [Event(1, 1, "RunCreated", None, 0, '{"format":1,"workflow":"w"}')], 0, lease.token)
    return store, lease.token


def append(store: Store, token: int, times: int = TIMES) -> None:
    for _ in range(times):
        last = sum(1 for _ in store.read("run"))
        store.append("run", [Event(last + 1, 1, "TaskStarted", f"t{last}", 1)], last, token)


def test_the_log_gets_long_only_for_who_writes_and_syncs(tmp_path: Path) -> None:
    """With a sync for each commit the log is made longer after some appends; without syncs it never is."""
    sizes = {}
    for level in ("full", "normal"):
        (tmp_path / level).mkdir()
        store, token = begun(tmp_path / level, f"?synchronous={level}")
        log = tmp_path / level / "runs.db-wal"
        assert log.stat().st_size < LONG
        append(store, token)
        sizes[level] = log.stat().st_size
        store.close()
    assert sizes["full"] >= LONG > sizes["normal"]


def test_a_log_that_ends_in_zeros_is_read_to_its_last_event(tmp_path: Path) -> None:
    """What a killed process leaves, zeros behind the last commit included, has every event that was acknowledged."""
    store, token = begun(tmp_path)
    append(store, token)
    copied = tmp_path / "copied"
    copied.mkdir()
    for suffix in ("", "-wal"):  # as after a kill: nobody has checkpointed or closed it
        shutil.copy(tmp_path / f"runs.db{suffix}", copied / f"runs.db{suffix}")
    assert (copied / "runs.db-wal").read_bytes().endswith(bytes(4096))
    other = open_store(f"sqlite:///{copied}/runs.db")
    assert list(other.read("run")) == list(store.read("run"))
    assert len(list(other.read("run"))) == TIMES + 1
    other.close()
    store.close()


def test_bytes_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    """Whatever the file holds, and however long it is, zeros are put behind it and nothing else is written."""
    for size in (0, 1, 5000, 4096 * 100, LONG * 2):
        content = os.urandom(size)
        log = tmp_path / "some.db-wal"
        log.write_bytes(content)
        preallocation: WalPreallocation | None = WalPreallocation(tmp_path / "some.db")
        for _ in range(TIMES):
            preallocation = preallocation.transaction_begun() if preallocation is not None else None
        after = log.read_bytes()
        assert after[:size] == content
        assert not after[size:].strip(b"\0")
        assert len(after) >= max(size, LONG)


@pytest.mark.parametrize("lost", ["missing", "folder"])
def test_a_log_that_cannot_be_made_longer_is_left_alone(tmp_path: Path, lost: str) -> None:
    """No log, or something else in its place: nothing is made and nothing raises."""
    if lost == "folder":
        (tmp_path / "some.db-wal").mkdir()
    preallocation: WalPreallocation | None = WalPreallocation(tmp_path / "some.db")
    before = sorted(tmp_path.iterdir())
    for _ in range(TIMES):
        preallocation = preallocation.transaction_begun() if preallocation is not None else None
    assert preallocation is None
    assert sorted(tmp_path.iterdir()) == before


def test_a_database_behind_a_link_has_its_log_beside_the_real_file(tmp_path: Path) -> None:
    """SQLite resolves links, and so does what makes its log longer; a file that only looks like it stays as it is."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").mkdir()
    store, _ = begun(tmp_path / "real")
    store.close()
    (tmp_path / "link" / "runs.db").symlink_to(tmp_path / "real" / "runs.db")
    decoy = tmp_path / "link" / "runs.db-wal"
    decoy.write_bytes(b"not a log")
    preallocation: WalPreallocation | None = WalPreallocation(tmp_path / "link" / "runs.db")
    (tmp_path / "real" / "runs.db-wal").write_bytes(b"")
    for _ in range(TIMES):
        preallocation = preallocation.transaction_begun() if preallocation is not None else None
    assert decoy.read_bytes() == b"not a log"
    assert (tmp_path / "real" / "runs.db-wal").stat().st_size >= LONG
