"""How the SQLite store keeps payloads: large ones once, small ones that look alike compressed, all of them readable."""

from __future__ import annotations

import gc
import json
import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zstandard

from durable.core.digest import verified
from durable.core.events import Event
from durable.errors import LogCorrupt, StoreError
from durable.store import Store
from durable_sqlite import SQLiteStore, open_store
from durable_sqlite.blobs import LARGE
from durable_sqlite.dictionaries import PATIENCE

CHANCE = random.Random(7)


@pytest.fixture
def store(url: str) -> Iterator[SQLiteStore]:
    with open_store(url + "?synchronous=normal") as opened:
        yield opened


def _rows(store: SQLiteStore, query: str) -> list[Any]:
    return store._database.read(query, ())


def _change(url: str, statement: str) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as database:
        database.execute(statement)


def _record(
    store: Store, run_id: str, payloads: Sequence[bytes], encoding: str = "json", each: int = 64
) -> list[Event]:
    """Record a result for each payload in a run of its own, and return the events."""
    lease = store.acquire(run_id, "me")
    events = [Event(1, 0, "RunCreated", data='{"workflow":"w"}')]
    events += [Event(seq, 0, "TaskSucceeded", f"t{seq}", 1, None, encoding, one) for seq, one in enumerate(payloads, 2)]
    for at in range(0, len(events), each):
        store.append(run_id, events[at : at + each], at, lease.token)
    store.release(lease)
    return events


def _log(store: Store, run_id: str) -> list[Event]:
    return list(verified(run_id, store.read(run_id), store.digests(run_id)))


def _alike(count: int) -> list[bytes]:
    """Results as many tasks give them: the same names again and again, other numbers."""
    names = ("path", "lines", "functions", "classes", "comments", "status", "imports", "bytes_of_the_file")
    return [json.dumps({name: CHANCE.randrange(1000) for name in names}).encode() for _ in range(count)]


def _size(url: str) -> int:
    return Path(url.removeprefix("sqlite:///")).stat().st_size


def _wait_for_a_dictionary(store: SQLiteStore) -> None:
    until = time.monotonic() + 30
    while store._dictionaries.current is None:
        assert time.monotonic() < until, "no dictionary was trained"
        time.sleep(0.01)


def test_large_equal_payloads_are_kept_once(url: str) -> None:
    """A payload that a hundred tasks of two runs return takes its space once, and comes back each time."""
    large = CHANCE.randbytes(200_000)
    with open_store(url + "?synchronous=normal") as store:
        for run_id in ("a", "b"):
            events = _record(store, run_id, [large] * 50, "pickle", each=3)
            assert _log(store, run_id) == events
            assert store.event(run_id, 30).payload == large
        assert _rows(store, "SELECT count(*), sum(length(content)) FROM blobs") == [(1, 200_000)]
        assert _rows(store, "SELECT run, events FROM blob_uses ORDER BY run") == [(1, 50), (2, 50)]
    assert _size(url) < 400_000


@pytest.mark.parametrize("size", [LARGE - 1, LARGE, LARGE + 1, 5000])
@pytest.mark.parametrize("each", [1, 64])
def test_payloads_around_the_limit_come_back(store: SQLiteStore, size: int, each: int) -> None:
    """One that is just large, and one that just is not, are read back as they were, in few and in many an append."""
    payloads = [CHANCE.randbytes(size) for _ in range(5)]
    events = _record(store, "run", payloads, "pickle", each)
    assert _log(store, "run") == events
    assert _rows(store, "SELECT count(*) FROM blobs") == [(5 if size > LARGE else 0,)]


def test_large_values_read_well(store: SQLiteStore) -> None:
    """The timeline shows a large JSON value as text, its size, and where it is kept."""
    value = json.dumps({"n": 42, "s": "\u00e9" * 2000}, ensure_ascii=False).encode()
    _record(store, "run", [value, b'{"n": 1}'])
    query = "SELECT value ->> '$.n', payload_size, kept_in FROM timeline WHERE type = 'TaskSucceeded' ORDER BY seq"
    assert _rows(store, query) == [(42, len(value), "blob 1"), (1, 8, None)]


def test_a_damaged_blob_is_named_and_not_used_again(url: str) -> None:
    """Bytes of a blob that were changed show as damage of the log, and an equal payload is stored anew."""
    payload = CHANCE.randbytes(3000)
    with open_store(url) as store:
        _record(store, "old", [payload], "pickle")
        _change(url, "UPDATE blobs SET content = zeroblob(3000)")
        with pytest.raises(LogCorrupt, match="digest does not match"):
            _log(store, "old")
        events = _record(store, "new", [payload], "pickle")
        assert _log(store, "new") == events


def test_a_missing_blob_is_named(url: str) -> None:
    """A blob that is gone shows as damage of the log."""
    with open_store(url) as store:
        _record(store, "run", [CHANCE.randbytes(3000)], "pickle")
        _change(url, "DELETE FROM blobs")
        with pytest.raises(LogCorrupt):
            _log(store, "run")


def test_many_that_look_alike_are_compressed(url: str) -> None:
    """Once a dictionary was trained, results that look alike take less than half, and come back byte for byte."""
    with open_store(url + "?synchronous=normal") as store:
        first = _record(store, "first", _alike(PATIENCE))
        _wait_for_a_dictionary(store)
        second = _record(store, "second", _alike(2000))
        third = _record(store, "third", _alike(50), each=2)
        query = "SELECT count(dictionary), avg(length(CAST(payload AS BLOB))) FROM events WHERE run = {} AND seq > 1"
        assert _rows(store, query.format(1))[0][0] == 0, "these stay readable"
        (_, plain), (compressed, small) = _rows(store, query.format(1))[0], _rows(store, query.format(2))[0]
        assert compressed == 2000
        assert small < plain / 2
        for run_id, events in (("first", first), ("second", second), ("third", third)):
            assert _log(store, run_id) == events
            assert store.event(run_id, 7) == events[6]
        assert _rows(store, "SELECT DISTINCT value, kept_in FROM timeline WHERE run_id = 'second' AND seq > 1") == [
            (None, "dictionary 1")
        ]
    with open_store(url) as again:
        assert _log(again, "second") == second
        _record(again, "fourth", _alike(300))
        _wait_for_a_dictionary(again)
        fifth = _record(again, "fifth", _alike(100))
        assert _log(again, "fifth") == fifth
        assert _rows(again, "SELECT count(*) FROM dictionaries") == [(1,)], "the one that was there is used"


def test_what_does_not_fit_the_dictionary_stays_as_it_is(store: SQLiteStore) -> None:
    """Payloads that a dictionary does not make much smaller are kept readable, among others that it does."""
    _record(store, "first", _alike(PATIENCE))
    _wait_for_a_dictionary(store)
    strange = [b'"' + CHANCE.randbytes(40).hex().encode() + b'"' for _ in range(20)]
    odd = [CHANCE.randbytes(200) for _ in range(20)]
    mixed = [one for three in zip(_alike(20), strange, odd, strict=True) for one in three]
    events = _record(store, "mixed", [*mixed, b"", b"1", CHANCE.randbytes(5000)], "other", each=7)
    assert _log(store, "mixed") == events
    assert _rows(store, "SELECT count(blob) FROM events WHERE run = 2") == [(1,)]
    plain = "SELECT count(*) FROM events WHERE run = 2 AND dictionary IS NULL AND length(CAST(payload AS BLOB)) = 200"
    assert _rows(store, plain) == [(20,)], "the random ones"


def test_no_dictionary_where_nothing_looks_alike(store: SQLiteStore) -> None:
    """Random bytes are kept as they are: a dictionary that saves less than a third is not used."""
    _record(store, "run", [CHANCE.randbytes(200) for _ in range(PATIENCE + 500)], "pickle")
    for thread in threading.enumerate():
        if thread.name == "durable-dictionary":
            thread.join(30)
    assert _rows(store, "SELECT count(*) FROM dictionaries") == [(0,)]
    assert store._dictionaries.current is None


def test_dictionaries_can_be_switched_off(url: str) -> None:
    """With ``dictionary=off`` values stay readable, and compressed ones can still be read."""
    with open_store(url + "?synchronous=normal") as store:
        _record(store, "first", _alike(PATIENCE))
        _wait_for_a_dictionary(store)
        second = _record(store, "second", _alike(100))
    with open_store(url + "?synchronous=normal&dictionary=off") as store:
        assert _log(store, "second") == second
        _record(store, "third", _alike(PATIENCE + 100))
        assert _rows(store, "SELECT count(dictionary) FROM events WHERE run = 3") == [(0,)]
    with pytest.raises(StoreError, match="on or off"):
        open_store(url + "?dictionary=perhaps")


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        ("DELETE FROM dictionaries", "dictionary 1, which payloads were compressed with, is gone"),
        ("UPDATE dictionaries SET content = zeroblob(8192)", "digest does not match|does not expand"),
        ("UPDATE events SET payload = zeroblob(60) WHERE run = 2 AND seq = 5", "does not expand|says that it has"),
        ("UPDATE events SET payload = NULL WHERE run = 2 AND seq = 5", "does not expand"),
    ],
)
def test_what_cannot_be_expanded_is_named(url: str, damage: str, names: str) -> None:
    """A dictionary that is gone, or bytes that were changed, are a typed error with the run, never a wrong value."""
    with open_store(url + "?synchronous=normal") as store:
        _record(store, "first", _alike(PATIENCE))
        _wait_for_a_dictionary(store)
        _record(store, "second", _alike(100))
    _change(url, damage)
    with open_store(url) as store:
        with pytest.raises(LogCorrupt, match=names) as raised:
            _log(store, "second")
        assert raised.value.run_id == "second"
        assert len(_log(store, "first")) == PATIENCE + 1, "the others can be read"


def _with_a_dictionary(store: SQLiteStore) -> list[Event]:
    """Let a dictionary be trained, and return a log that is compressed with it."""
    _record(store, "first", _alike(PATIENCE))
    _wait_for_a_dictionary(store)
    return _record(store, "run", _alike(100))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python 3.13 warns of it, rightly
def test_a_store_that_nobody_closed_is_released(url: str) -> None:
    """What SQLite calls to expand payloads does not keep a store, its connection and its files open for good."""
    store = open_store(url)
    assert store.run("run") is None
    database = weakref.ref(store._database)
    del store
    gc.collect()
    assert database() is None


def test_ctrl_c_while_a_payload_expands_is_ctrl_c(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption in the middle of a read comes out as itself, not as a fault of the store."""
    events = _with_a_dictionary(store)

    def interrupted(_payload: bytes) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(zstandard, "frame_content_size", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(store.read("run"))
    assert _log(store, "run") == events


def test_no_thread_for_a_dictionary_refuses_no_append(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no more threads may be started, payloads are kept as they are."""

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    for run_id, each in (("few", 1), ("many", 64)):
        events = _record(store, run_id, _alike(100), each=each)
        assert _log(store, run_id) == events


def test_a_child_looks_for_dictionaries_itself(store: SQLiteStore) -> None:
    """After a fork the child reads what was compressed, and takes no number of a dictionary on trust."""
    events = _with_a_dictionary(store)
    child = os.fork()
    if not child:
        try:
            whole = _log(store, "run") == events and store._dictionaries.current is None
            os._exit(0 if whole else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert store._dictionaries.current is not None
    assert _log(store, "run") == events
