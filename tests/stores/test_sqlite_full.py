"""A full disk refuses an append whole, loses nothing that was acknowledged, and goes on when there is space."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from durable.core.events import Event
from durable.errors import StoreFull
from durable_sqlite import open_store
from tests.stores.sqlite_files import log_of, path_of

Starter = Callable[..., "subprocess.Popen[str]"]


def test_a_full_database_refuses_and_goes_on(url: str) -> None:
    """When no space is left, the append is refused whole; all that was acknowledged stays; then it goes on."""
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        seq = store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        pages = store._database.connection().execute("PRAGMA page_count").fetchone()[0]
        store._database.connection().execute(f"PRAGMA max_page_count = {pages + 5}")
        big = Event(2, 1, "TaskSucceeded", "t", 1, None, "raw", bytes(100_000))
        for _ in range(3):
            with pytest.raises(StoreFull, match=str(path_of(url))):
                store.append("run", [big], seq, lease.token)
        assert [event.seq for event in log_of(store)] == [1]
        store._database.connection().execute("PRAGMA max_page_count = 100000")
        assert store.append("run", [big], seq, lease.token) == 2
        assert len(log_of(store)) == 2


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
        assert len(log_of(store)) == int(words[4])
