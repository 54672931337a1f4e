"""Tables, and how a database becomes one of ours or is brought up to date.

sqlite-utils makes and migrates the schema; it is imported only then, as it takes 0.24 s, and so are the views.
It must not be needed to open a database that is up to date, and must not touch one that is not ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable.errors import ForeignStore, StoreTooNew

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

APPLICATION_ID = 0x44555242
"""Marks a SQLite file as ours ("DURB"): ``PRAGMA application_id``."""

VERSION = 3
"""Version of the schema: ``PRAGMA user_version``, and the number of migrations."""

# sqlite-utils makes no WITHOUT ROWID tables. Without one, (run, seq) would be stored twice.
_EVENTS = """CREATE TABLE events (
  run INTEGER NOT NULL REFERENCES runs (run),
  seq INTEGER NOT NULL,
  time INTEGER NOT NULL,
  type TEXT NOT NULL,
  task_id TEXT,
  attempt INTEGER NOT NULL DEFAULT 0,
  data TEXT,
  encoding TEXT,
  payload ANY,
  digest BLOB,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID"""

_LEASES = """CREATE TABLE leases (
  run_id TEXT PRIMARY KEY,
  token INTEGER NOT NULL,
  owner TEXT,
  pid INTEGER,
  host TEXT,
  expires INTEGER,
  file TEXT
) STRICT, WITHOUT ROWID"""


_BLOBS = """CREATE TABLE blobs (
  blob INTEGER PRIMARY KEY,
  digest BLOB NOT NULL,
  content ANY NOT NULL
) STRICT"""

# An index on events by blob would say the same, and would cost every event that has none.
_BLOB_USES = """CREATE TABLE blob_uses (
  blob INTEGER NOT NULL REFERENCES blobs (blob),
  run INTEGER NOT NULL REFERENCES runs (run),
  events INTEGER NOT NULL,
  PRIMARY KEY (blob, run)
) STRICT, WITHOUT ROWID"""

_DICTIONARIES = """CREATE TABLE dictionaries (
  dictionary INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT"""

_ADDED: dict[int, dict[str, dict[str, str]]] = {
    2: {"runs": {"due": "INTEGER"}, "leases": {"expires_monotonic": "INTEGER"}},
    3: {"runs": {"pruned": "INTEGER", "summary": "TEXT"}, "events": {"blob": "INTEGER", "dictionary": "INTEGER"}},
}
"""Columns that a version added, by table."""

_NEW_TABLES = {
    3: {
        "blobs": ("blob", "digest", "content"),
        "blob_uses": ("blob", "run", "events"),
        "dictionaries": ("dictionary", "time", "content"),
    }
}
"""Tables that a version added, with their columns."""


def is_current(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether the schema is there and up to date; only reads.

    Raises:
        ForeignStore: the database holds something else.
        StoreTooNew: a later version of durable wrote it.
    """
    return version_of(connection, path) == VERSION


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the schema, 0 for an empty database; only reads.

    Raises:
        ForeignStore: the database holds something else.
        StoreTooNew: a later version of durable wrote it.
    """
    if connection.in_transaction:
        return _version_of(connection, path)
    connection.execute("BEGIN")  # one snapshot: somebody else may be making the schema at this moment
    try:
        return _version_of(connection, path)
    finally:
        connection.execute("ROLLBACK")


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if application or version or not empty:
            raise ForeignStore(
                f"{path} is a SQLite database of another program; nothing in it was touched",
                hint="Name another file for the store",
            )
        return 0
    if version > VERSION:
        raise StoreTooNew(
            f"{path} has schema version {version}, and this durable knows up to {VERSION}; nothing in it was touched",
            hint="Install the newer version of durable that wrote it",
        )
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, inside the transaction that is open."""
    from sqlite_utils import Database

    from durable_sqlite.views import all_views

    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    _migrations().apply(database)
    for name, query in all_views().items():  # they hold nothing, so an older database gets those of today
        database.create_view(name, query, replace=True)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def complete(connection: sqlite3.Connection, version: int) -> None:
    """Let an older database be read that cannot be changed: temporary views add what it lacks."""
    connection.execute("PRAGMA temp_store = MEMORY")
    lacking: dict[str, list[str]] = {}
    for number in range(version + 1, VERSION + 1):
        for table, columns in _ADDED.get(number, {}).items():
            lacking.setdefault(table, []).extend(columns)
        for table, columns_of in _NEW_TABLES.get(number, {}).items():
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT {_nulls(columns_of)} WHERE 0")
    for table, missing in lacking.items():
        connection.execute(f"CREATE TEMP VIEW {table} AS SELECT *, {_nulls(missing)} FROM main.{table}")


def _nulls(names: Iterable[str]) -> str:
    return ", ".join(f"NULL AS {name}" for name in names)


def _migrations() -> Migrations:
    """Return the steps from nothing to ``VERSION``, in order. A released step is never changed."""
    from sqlite_utils import Migrations

    migrations = Migrations("durable")
    migrations(name="1_logs_leases_checkpoints_inbox")(_version_1)
    migrations(name="2_due_runs_monotonic_leases")(_version_2)
    migrations(name="3_blobs_dictionaries_pruned_runs")(_version_3)
    return migrations


def _version_1(database: Database) -> None:
    table: Any = database.table
    table("runs", strict=True).create(
        {"run": int, "run_id": str, "workflow": str, "status": str, "created": int, "file": str, "input": str},
        pk="run",
        not_null={"run_id", "workflow", "status", "created"},
    ).create_index(["run_id"], unique=True).create_index(["status"]).create_index(["workflow"])
    database.execute(_EVENTS)
    database.execute(_LEASES)
    table("checkpoints", strict=True).create(
        {"run": int, "seq": int, "time": int, "digest": bytes, "state": bytes},
        pk=("run", "seq"),
        not_null={"run", "seq", "time", "digest", "state"},
        foreign_keys=[("run", "runs", "run")],
    )
    table("inbox", strict=True).create(
        {"number": int, "run": int, "id": str, "kind": str, "data": str, "time": int, "consumed": int},
        pk="number",
        not_null={"run", "id", "kind", "data", "time"},
        foreign_keys=[("run", "runs", "run")],
    ).create_index(["run", "id"], unique=True)
    database.execute("CREATE INDEX inbox_waiting ON inbox (run) WHERE consumed IS NULL")


def _version_2(database: Database) -> None:
    _add_columns(database, 2)


def _version_3(database: Database) -> None:
    database.execute(_BLOBS)
    database.execute("CREATE INDEX blobs_by_digest ON blobs (digest)")
    database.execute(_BLOB_USES)
    database.execute(_DICTIONARIES)
    _add_columns(database, 3)


def _add_columns(database: Database, version: int) -> None:
    for table, columns in _ADDED[version].items():
        for name, kind in columns.items():
            database.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
