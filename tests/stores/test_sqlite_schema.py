"""What people find in the database: a marked schema, readable rows, and views that agree with the engine."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from durable.core.events import Event
from durable.core.transitions import ENDED, GROUP, PENDING, STATUSES, TASK
from durable.store import Lease
from durable_sqlite import SQLiteStore, open_store, sql
from durable_sqlite.schema import APPLICATION_ID

T0 = 1_700_000_000_000_000


@pytest.fixture
def store(url: str) -> Iterator[SQLiteStore]:
    with open_store(url + "?synchronous=normal") as opened:
        yield opened


def _rows(store: SQLiteStore, query: str) -> list[Any]:
    return store._database.read(query, ())


def _begin(store: SQLiteStore, run_id: str = "run") -> Lease:
    lease = store.acquire(run_id, "me")
    store.append(run_id, [Event(1, T0, "RunCreated", data='{"workflow":"w","file":"w.py"}')], 0, lease.token)
    return lease


def test_the_database_is_marked_as_ours(store: SQLiteStore, url: str) -> None:
    """Schema version 3 and our application id are recorded, the migrations too, and the log is in WAL mode."""
    assert _rows(store, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert _rows(store, "PRAGMA user_version") == [(3,)]
    assert _rows(store, "PRAGMA journal_mode") == [("wal",)]
    assert _rows(store, "PRAGMA auto_vacuum") == [(2,)], "space can be given back a few pages at a time"
    assert _rows(store, "SELECT migration_set FROM _sqlite_migrations") == [("durable",)] * 3
    names = {name for (name,) in _rows(store, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    assert names >= {"runs", "events", "checkpoints", "leases", "inbox"}
    assert names >= {"blobs", "blob_uses", "dictionaries"}
    assert names >= {"run_status", "task_status", "group_status", "timeline"}
    for table in ("runs", "events", "checkpoints", "leases", "inbox", "blobs", "blob_uses", "dictionaries"):
        assert _rows(store, f"SELECT strict FROM pragma_table_list WHERE name = '{table}'") == [(1,)], table


def test_full_durability_is_the_default(url: str) -> None:
    """Each commit is synced unless the URL says otherwise."""
    for option, level in (("", 2), ("?synchronous=full", 2), ("?synchronous=normal", 1)):
        with open_store(url + option) as store:
            assert _rows(store, "PRAGMA synchronous") == [(level,)]


def test_opening_again_needs_no_sqlite_utils(url: str) -> None:
    """sqlite-utils, which is slow to import, is needed to make a schema and not to open one."""
    open_store(url).close()
    root = Path(__file__).parents[2]
    code = (
        f"import sys; sys.path[:0] = [{str(root)!r}, {str(root / 'stores')!r}]\n"
        f"from durable_sqlite import open_store; open_store({url!r}).close()\n"
        "sys.exit('sqlite_utils' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_that_create_at_the_same_time_agree(tmp_path: Path) -> None:
    """Threads that open a new store at the same time all get the one schema."""
    from concurrent.futures import ThreadPoolExecutor

    for n in range(5):
        url = f"sqlite:///{tmp_path}/{n}/runs.db"
        with ThreadPoolExecutor(4) as pool:
            stores = list(pool.map(lambda one: open_store(one), [url] * 4))
        lease = _begin(stores[0])
        assert [store.run("run").seq for store in stores] == [1] * 4  # type: ignore[union-attr]
        stores[0].release(lease)
        for store in stores:
            store.close()


def test_json_values_read_well(store: SQLiteStore) -> None:
    """A JSON payload is text that SQL can query; other payloads stay bytes; both come back as bytes."""
    lease = _begin(store)
    events = [
        Event(2, T0, "TaskSucceeded", "a", 1, '{"preview":"x"}', "json", b'{"n": 42, "s": "\xc3\xa9"}'),
        Event(3, T0, "TaskSucceeded", "b", 1, None, "pickle", b"\x80\x04"),
    ]
    store.append("run", events, 1, lease.token)
    assert _rows(store, "SELECT payload ->> '$.n', payload ->> '$.s' FROM events WHERE seq = 2") == [(42, "\u00e9")]
    assert _rows(store, "SELECT typeof(payload) FROM events ORDER BY seq") == [("null",), ("text",), ("blob",)]
    assert _rows(store, "SELECT value, payload_size FROM timeline WHERE seq = 2") == [('{"n": 42, "s": "\u00e9"}', 20)]
    assert list(store.read("run", 1)) == events


def test_the_timeline_is_for_people(store: SQLiteStore) -> None:
    """One row for each event, with the run's name and ISO times in UTC."""
    lease = _begin(store)
    store.append("run", [Event(2, T0 + 1_000_007, "TaskStarted", "a", 1)], 1, lease.token)
    assert _rows(store, "SELECT run_id, seq, time, type, task_id, attempt FROM timeline ORDER BY seq") == [
        ("run", 1, "2023-11-14T22:13:20.000000Z", "RunCreated", None, 0),
        ("run", 2, "2023-11-14T22:13:21.000007Z", "TaskStarted", "a", 1),
    ]


def test_task_status_says_how_tasks_ended(store: SQLiteStore) -> None:
    """One row for each task: status, attempts, the last attempt's times, and the error."""
    lease = _begin(store)
    seconds = 1_000_000
    events = [
        Event(2, T0, "TaskStarted", "a", 1),
        Event(3, T0 + seconds, "TaskRetryScheduled", "a", 1, '{"error":"ValueError: no"}'),
        Event(4, T0 + 5 * seconds, "TaskStarted", "a", 2),
        Event(5, T0 + 7 * seconds, "TaskFailed", "a", 2, '{"error":"ValueError: still no"}'),
        Event(6, T0 + 8 * seconds, "TaskStarted", "b", 1),
        Event(7, T0 + 9 * seconds, "TaskSkipped", "c"),
    ]
    store.append("run", events, 1, lease.token)
    columns = "task_id, status, attempts, started, ended, seconds, error"
    assert _rows(store, f"SELECT {columns} FROM task_status WHERE run_id = 'run' ORDER BY task_id") == [
        ("a", "failed", 2, "2023-11-14T22:13:25.000000Z", "2023-11-14T22:13:27.000000Z", 2.0, "ValueError: still no"),
        ("b", "running", 1, "2023-11-14T22:13:28.000000Z", None, None, None),
        ("c", "skipped", 0, None, "2023-11-14T22:13:29.000000Z", None, None),
    ]


def test_task_status_knows_tasks_that_wait(store: SQLiteStore) -> None:
    """A task that gave its thread back is suspended, one between two iterations is pending; neither has ended."""
    lease = _begin(store)
    events = [
        Event(2, T0, "TaskStarted", "asks", 1),
        Event(3, T0, "TaskSuspended", "asks", 1, '{"waiting":["1"]}'),
        Event(4, T0, "TaskStarted", "loops", 1),
        Event(5, T0, "TaskIterated", "loops", 1, '{"iteration":2}'),
        Event(6, T0, "TaskStarted", "again", 1),
        Event(7, T0, "TaskSuspended", "again", 1),
        Event(8, T0, "TaskStarted", "again", 2),
    ]
    store.append("run", events, 1, lease.token)
    assert _rows(store, "SELECT task_id, status, attempts, ended FROM task_status ORDER BY task_id") == [
        ("again", "running", 2, None),
        ("asks", "suspended", 1, None),
        ("loops", "pending", 1, None),
    ]
    assert _rows(store, "SELECT type, data FROM timeline WHERE seq = 3") == [("TaskSuspended", '{"waiting":["1"]}')]


def test_group_status_says_what_was_judged(store: SQLiteStore) -> None:
    """One row for each group, with the verdict's policy and the rounds that were asked for."""
    lease = _begin(store)
    events = [
        Event(2, T0, "GroupStarted", "g"),
        Event(3, T0, "GroupRetryRequested", "g", 0, '{"members":["m"]}'),
        Event(4, T0 + 3_000_000, "GroupFailed", "g", 0, '{"policy":"strict","error":"1 of 2 failed"}'),
    ]
    store.append("run", events, 1, lease.token)
    query = "SELECT group_id, status, retries, seconds, policy, error FROM group_status"
    assert _rows(store, query) == [("g", "failed", 1, 3.0, "strict", "1 of 2 failed")]


@pytest.mark.parametrize(
    ("table", "view", "name"), [(TASK, "task_status", "task_id"), (GROUP, "group_status", "group_id")]
)
def test_views_agree_with_the_transition_table(
    store: SQLiteStore, table: dict[int, dict[str, int]], view: str, name: str
) -> None:
    """After any legal sequence of events, the view shows the status that the table leads to."""
    chance = random.Random(11)
    lease = _begin(store)
    seq, expected = 1, {}
    for n in range(150):
        status, subject, events = PENDING, f"s{n}", []
        for _ in range(chance.randrange(1, 9)):
            if not table[status]:
                break
            kind, status = chance.choice(sorted(table[status].items()))
            events.append(Event(seq + len(events) + 1, T0, kind, subject, 1))
        seq = store.append("run", events, seq, lease.token)
        expected[subject] = (STATUSES[status], status in ENDED)
    found = _rows(store, f"SELECT {name}, status, ended IS NOT NULL FROM {view}")
    assert {subject: (status, bool(ended)) for subject, status, ended in found} == expected


def test_run_status_says_who_drives(store: SQLiteStore) -> None:
    """One row for each run: status, times in ISO, the last seq and the process that holds the lease."""
    lease = _begin(store)
    query = "SELECT run_id, workflow, status, updated, seconds, last_seq, file, driven_by FROM run_status"
    assert _rows(store, query) == [("run", "w", "running", "2023-11-14T22:13:20.000000Z", None, 1, "w.py", "me")]
    store.append("run", [Event(2, T0 + 2_500_000, "RunSucceeded")], 1, lease.token)
    store.release(lease)
    assert _rows(store, query) == [("run", "w", "succeeded", "2023-11-14T22:13:22.500000Z", 2.5, 2, "w.py", None)]


def test_run_status_says_until_when_a_run_is_suspended(store: SQLiteStore) -> None:
    """``due`` is an ISO time while the run is suspended, and empty when it goes on."""
    lease = _begin(store)
    query = "SELECT status, due, seconds FROM run_status"
    store.append("run", [Event(2, T0, "RunSuspended", data=f'{{"due":{T0 + 7}}}')], 1, lease.token)
    assert _rows(store, query) == [("suspended", "2023-11-14T22:13:20.000007Z", None)]
    store.append("run", [Event(3, T0, "RunContinued")], 2, lease.token)
    assert _rows(store, query) == [("running", None, None)]


def test_listing_runs_reads_no_other_messages(store: SQLiteStore) -> None:
    """Whether messages wait is looked up among those that wait, not among all that were ever sent."""
    plan = [step[3] for step in _rows(store, f"EXPLAIN QUERY PLAN {sql.SELECT_RUN.replace('?', repr('run'))}")]
    assert [step for step in plan if "inbox_waiting" in step], plan
    assert [step for step in plan if step.startswith("SCAN")] == []


def test_one_runs_status_does_not_read_the_others(store: SQLiteStore) -> None:
    """Asking a view for one run uses the keys: it does not scan the events of all runs."""
    for view in ("task_status", "group_status", "timeline", "run_status"):
        plan = _rows(store, f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE run_id = 'run'")
        scans = [step[3] for step in plan if step[3].startswith("SCAN") and "(subquery" not in step[3]]
        assert [scan for scan in scans if scan.split()[1] in ("e", "r", "events", "runs")] == [], (view, plan)


def test_sqlite_utils_and_plain_sql_can_read_along(store: SQLiteStore, url: str) -> None:
    """While the store is open, other programs read tables and views."""
    import sqlite_utils

    lease = _begin(store)
    database = sqlite_utils.Database(sqlite3.connect(Path(url.removeprefix("sqlite:///"))))
    assert [row["run_id"] for row in database["runs"].rows] == ["run"]
    assert [row["type"] for row in database["timeline"].rows] == ["RunCreated"]
    store.append("run", [Event(2, T0, "TaskStarted", "a", 1)], 1, lease.token)
    assert [row["status"] for row in database["task_status"].rows] == ["running"]
    database.close()
