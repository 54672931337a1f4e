"""A damaged database gives a typed error that names it, or true events; never a wrong one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from durable.core.digest import verified
from durable.core.events import Event
from durable.errors import LogCorrupt, StoreCorrupt, StoreError
from durable_sqlite import open_store
from tests.stores.sqlite_files import fill, log_of, path_of


@pytest.mark.parametrize("content", [b"hello", b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 4080])
def test_what_is_no_database_is_called_damaged(url: str, content: bytes) -> None:
    """A file that SQLite cannot read at all is reported as such, and left as it is."""
    path_of(url).write_bytes(content)
    with pytest.raises(StoreCorrupt, match=str(path_of(url))):
        open_store(url)
    assert path_of(url).read_bytes() == content


def test_a_truncated_database_is_called_damaged(url: str) -> None:
    """A database that lost its end is refused when it is opened, not when the lost part is needed."""
    fill(url, 200)
    whole = path_of(url).read_bytes()
    for size in (len(whole) // 2 // 4096 * 4096, len(whole) - 4096, 3000, 600):
        path_of(url).write_bytes(whole[:size])
        with pytest.raises(StoreCorrupt):
            open_store(url)
    path_of(url).write_bytes(whole)
    with open_store(url) as store:
        assert len(log_of(store)) == 200


def test_a_flipped_byte_in_a_payload_is_found(url: str) -> None:
    """SQLite does not see a changed byte in a value; the digests do, and name the event."""
    marks = [b'"' + bytes([65 + n]) * 20 + b'"' for n in range(5)]
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        for seq, mark in enumerate(marks, 1):
            store.append("run", [Event(seq + 1, 1, "TaskSucceeded", "t", 1, None, "json", mark)], seq, lease.token)
    content = path_of(url).read_bytes()
    assert content.count(marks[2]) == 1
    path_of(url).write_bytes(content.replace(marks[2], marks[2].replace(b"CCC", b"CxC", 1)))
    with open_store(url) as store:
        with pytest.raises(LogCorrupt) as caught:
            log_of(store)
        assert caught.value.seq == 4
        assert [event.seq for event in verified("run", store.read("run", 0, 3), store.digests("run", 0, 3))] == [
            1,
            2,
            3,
        ]
    path_of(url).write_bytes(content.replace(marks[2], marks[2].replace(b"CCC", b"C\xffC", 1)))
    with open_store(url) as store, pytest.raises(LogCorrupt):
        log_of(store)


def test_any_flipped_byte_is_named_or_harmless(url: str) -> None:
    """Whatever byte of the file is changed: reading gives a typed error or true events, never a wrong one.

    Damage to SQLite's own pages can hide the end of a log, as an older copy of the file would.
    """
    fill(url, 60)
    with open_store(url) as store:
        truth = log_of(store)
    content = bytearray(path_of(url).read_bytes())
    for position in range(0, len(content), 61):
        content[position] ^= 0x5A
        path_of(url).write_bytes(content)
        content[position] ^= 0x5A
        try:
            with open_store(url + "?synchronous=normal") as store:
                found = log_of(store)
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
        with closing(sqlite3.connect(path_of(url), isolation_level=None)) as other:
            other.execute("DELETE FROM events WHERE seq = 3")
        other.close()
        with pytest.raises(LogCorrupt, match="seq 2"):
            store.append("run", [Event(3, 1, "TaskStarted", "v", 1)], 2, lease.token)
