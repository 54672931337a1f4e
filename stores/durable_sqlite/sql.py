"""Every statement that touches the tables, by subject; builders for those whose text depends on what is asked.

Other modules name statements and bind values, so this file shows all that a store does to its database. What
makes the tables is in ``schema.py``, the views for people are in ``views.py``.

Text that runs for each append is built once, here, so that SQLite finds it in its cache of prepared statements.
"""

from __future__ import annotations

MAX_INTEGER = 2**63 - 1
"""As an upper bound, none."""

# --- Transactions ---------------------------------------------------------------------------------------------

BEGIN_WRITE = "BEGIN IMMEDIATE"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"

# --- Settings and the file's pages ----------------------------------------------------------------------------

USE_WAL = "PRAGMA journal_mode = WAL"
USE_INCREMENTAL_VACUUM = "PRAGMA auto_vacuum = INCREMENTAL"
AUTO_VACUUM = "PRAGMA auto_vacuum"
PAGE_SIZE = "PRAGMA page_size"
PAGE_COUNT = "PRAGMA page_count"
FREE_PAGES = "PRAGMA freelist_count"
VACUUM = "VACUUM"
TRUNCATE_WAL = "PRAGMA wal_checkpoint(TRUNCATE)"


def set_synchronous(level: str) -> str:
    """Return the statement that says when commits are synced: full or normal."""
    return f"PRAGMA synchronous = {level.upper()}"


def set_autocheckpoint(pages: int) -> str:
    """Return the statement that says after how many pages of the write-ahead log SQLite checkpoints."""
    return f"PRAGMA wal_autocheckpoint = {pages}"


def set_busy_timeout(milliseconds: int) -> str:
    """Return the statement that says how long to wait for other connections."""
    return f"PRAGMA busy_timeout = {milliseconds}"


def incremental_vacuum(pages: int) -> str:
    """Return the statement that gives at most so many free pages back."""
    return f"PRAGMA incremental_vacuum({pages})"


# --- Runs -----------------------------------------------------------------------------------------------------

_ANY_KEY = "(SELECT run FROM runs WHERE run_id = ?)"
_KEY = "(SELECT run FROM runs WHERE run_id = ? AND pruned IS NULL)"

SELECT_ANY_RUN_KEY = "SELECT run FROM runs WHERE run_id = ?"
SELECT_RUN_KEY = "SELECT run FROM runs WHERE run_id = ? AND pruned IS NULL"
SELECT_PRUNED = "SELECT status, pruned, summary FROM runs WHERE run_id = ? AND pruned IS NOT NULL"
INSERT_RUN = "INSERT INTO runs (run_id, workflow, status, created, file, input) VALUES (?, ?, ?, ?, ?, ?)"
UPDATE_RUN_STATUS = "UPDATE runs SET status = ?, due = ? WHERE run = ?"

_SELECT_RUNS = """SELECT r.run, r.run_id, r.workflow, r.status, r.created, e.time, e.seq, r.file, r.input,
  r.due, EXISTS (SELECT 1 FROM inbox i WHERE i.run = r.run AND i.consumed IS NULL),
  r.pruned, r.summary, l.host, l.expires, l.expires_monotonic, l.file
FROM runs r
LEFT JOIN events e ON e.run = r.run AND e.seq = (SELECT max(seq) FROM events WHERE run = r.run)
LEFT JOIN leases l ON l.run_id = r.run_id AND l.owner IS NOT NULL
WHERE """
SELECT_RUN = f"{_SELECT_RUNS}r.run_id = ?"


def select_runs(*, statuses: int, workflow: bool) -> str:
    """Return the statement that lists a page of runs, newest first.

    Its values are the key before which to begin, the statuses, the workflow and the number of rows.

    Args:
        statuses: how many recorded statuses are listed; 0 for all.
        workflow: whether only one workflow's runs are.
    """
    conditions = ["r.run < ?"]
    if statuses:
        conditions.append(f"r.status IN ({', '.join('?' * statuses)})")
    if workflow:
        conditions.append("r.workflow = ?")
    return f"{_SELECT_RUNS}{' AND '.join(conditions)} ORDER BY r.run DESC LIMIT ?"


# --- Writing events -------------------------------------------------------------------------------------------

# One statement for the token and the log's end; no row means that the token is not the present one.
SELECT_LOG_END = """SELECT r.run, e.seq, e.digest, r.status, r.due FROM leases l
LEFT JOIN runs r ON r.run_id = l.run_id
LEFT JOIN events e ON e.run = r.run AND e.seq = (SELECT max(seq) FROM events WHERE run = r.run)
WHERE l.run_id = ? AND l.token = ? AND l.owner IS NOT NULL"""

_INSERT = "INSERT INTO events (run, seq, time, type, task_id, attempt, data, encoding, payload, digest"
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_STORED_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

INSERT_EVENT = f"{_INSERT}) VALUES {_ROW}"

ROWS_TOGETHER = 32
"""Rows of ``INSERT_EVENTS``. Together they cost a fifth less than as many runs of ``INSERT_EVENT``; there is one size,
so that the statement stays prepared."""
INSERT_EVENTS = f"{_INSERT}) VALUES {', '.join([_ROW] * ROWS_TOGETHER)}"

# For rows of which one is compressed, or refers to a blob. The others need not name what they leave empty.
INSERT_STORED_EVENT = f"{_INSERT}, blob, dictionary) VALUES {_STORED_ROW}"

MOST_IF_LEASED = 16
"""Rows of the longest statement of ``INSERT_EVENTS_IF_LEASED``."""
# A few events in one statement, which is a transaction by itself and inserts nothing if the lease is not the
# caller's. Where the log ends need not be read again: nobody appends without the lease, and a number that is
# taken is refused by the primary key. (Reading events here would make SQLite copy the rows first.)
_IF_LEASED = "WHERE EXISTS (SELECT 1 FROM leases WHERE run_id = ? AND token = ? AND owner IS NOT NULL)"
INSERT_EVENTS_IF_LEASED = [
    f"{_INSERT}) SELECT * FROM (VALUES {', '.join([_ROW] * n)}) {_IF_LEASED}" for n in range(1, MOST_IF_LEASED + 1)
]
"""The statement for n events is at n - 1."""
INSERT_STORED_EVENTS_IF_LEASED = [
    f"{_INSERT}, blob, dictionary) SELECT * FROM (VALUES {', '.join([_STORED_ROW] * n)}) {_IF_LEASED}"
    for n in range(1, MOST_IF_LEASED + 1)
]

# --- Reading events -------------------------------------------------------------------------------------------

_PAYLOAD = """CASE WHEN blob IS NOT NULL THEN (SELECT CAST(content AS BLOB) FROM blobs b WHERE b.blob = events.blob)
WHEN dictionary IS NOT NULL THEN expand(payload, dictionary) ELSE CAST(payload AS BLOB) END"""
SELECT_EVENTS = (
    f"SELECT seq, time, type, task_id, attempt, data, encoding, {_PAYLOAD} FROM events"
    f" WHERE run = {_KEY} AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)
SELECT_DIGESTS = (
    f"SELECT seq, digest FROM events WHERE run = {_KEY}"
    " AND seq > ? AND seq <= ? AND digest IS NOT NULL ORDER BY seq LIMIT ?"
)

# --- Blobs and dictionaries: where payloads are kept ----------------------------------------------------------

# Bytes are compared too: a blob that was damaged must not stand for a payload that is whole.
SELECT_BLOB = "SELECT blob FROM blobs WHERE digest = ? AND content = ?"
INSERT_BLOB = "INSERT INTO blobs (digest, content) VALUES (?, ?)"
COUNT_BLOB_USE = """INSERT INTO blob_uses VALUES (?, ?, 1)
ON CONFLICT (blob, run) DO UPDATE SET events = events + 1"""
SELECT_BLOB_USES = "SELECT blob, count(*) FROM events WHERE run = ? AND seq < ? AND blob IS NOT NULL GROUP BY blob"
REDUCE_BLOB_USES = "UPDATE blob_uses SET events = events - ? WHERE blob = ? AND run = ?"
DELETE_BLOB_USE = "DELETE FROM blob_uses WHERE blob = ? AND run = ? AND events <= 0"
DELETE_UNUSED_BLOB = (
    "DELETE FROM blobs WHERE blob = ? AND NOT EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = blobs.blob)"
)

SELECT_NEWEST_DICTIONARIES = "SELECT dictionary, content FROM dictionaries ORDER BY dictionary DESC LIMIT 4"
SELECT_DICTIONARY = "SELECT content FROM dictionaries WHERE dictionary = ?"
INSERT_DICTIONARY = "INSERT INTO dictionaries (time, content) VALUES (?, ?)"

# --- Checkpoints ----------------------------------------------------------------------------------------------

INSERT_CHECKPOINT = "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)"
DELETE_ALL_BUT_TWO_CHECKPOINTS = """DELETE FROM checkpoints WHERE run = ? AND seq NOT IN
(SELECT seq FROM checkpoints WHERE run = ? ORDER BY seq DESC LIMIT 2)"""
SELECT_CHECKPOINTS = f"SELECT seq, digest, state, time FROM checkpoints WHERE run = {_ANY_KEY} ORDER BY seq DESC"
DELETE_CHECKPOINTS = f"DELETE FROM checkpoints WHERE run = {_ANY_KEY}"

# --- Leases ---------------------------------------------------------------------------------------------------

SELECT_LEASE = "SELECT token, owner, pid, host, expires, expires_monotonic, file FROM leases WHERE run_id = ?"
SELECT_IS_LEASED = "SELECT 1 FROM leases WHERE run_id = ? AND token = ? AND owner IS NOT NULL"
SELECT_HELD_LEASES = "SELECT host, expires, expires_monotonic, file FROM leases WHERE owner IS NOT NULL"
SELECT_LEASE_FILES = "SELECT run_id, pid, file FROM leases WHERE owner IS NOT NULL AND file IS NOT NULL"
UPSERT_LEASE = """INSERT INTO leases (run_id, token, owner, pid, host, expires, expires_monotonic, file)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id) DO UPDATE SET token = excluded.token, owner = excluded.owner, pid = excluded.pid,
  host = excluded.host, expires = excluded.expires, expires_monotonic = excluded.expires_monotonic,
  file = excluded.file"""
RENEW_LEASE = """UPDATE leases SET expires = ?, expires_monotonic = ?
WHERE run_id = ? AND token = ? AND owner IS NOT NULL"""
RELEASE_LEASE = """UPDATE leases SET owner = NULL, pid = NULL, host = NULL, expires = NULL, expires_monotonic = NULL,
  file = NULL
WHERE run_id = ? AND token = ?"""
# For a lease that has expired: its token must not be valid for anything any more.
REVOKE_LEASE = """UPDATE leases SET token = token + 1, owner = NULL, pid = NULL, host = NULL, expires = NULL,
  expires_monotonic = NULL, file = NULL WHERE run_id = ?"""

# --- Inbox ----------------------------------------------------------------------------------------------------

# Consumed messages stay, so that no id is accepted twice.
INSERT_MESSAGE = "INSERT OR IGNORE INTO inbox (run, id, kind, data, time) VALUES (?, ?, ?, ?, ?)"
CONSUME_MESSAGE = "UPDATE inbox SET consumed = ? WHERE run = ? AND id = ?"
SELECT_INBOX = f"SELECT id, kind, data, time FROM inbox WHERE run = {_ANY_KEY} AND consumed IS NULL ORDER BY number"

# --- Sizes ----------------------------------------------------------------------------------------------------

_ROW_BYTES = 32  # of a row, beside its texts: measured, with its share of the page
SELECT_LOG_SIZES = f"""SELECT type, count(*), sum({_ROW_BYTES} + length(type)
  + coalesce(length(CAST(task_id AS BLOB)), 0)
  + coalesce(length(CAST(data AS BLOB)), 0) + coalesce(length(encoding), 0) + coalesce(length(digest), 0)),
  sum(coalesce(length(CAST(payload AS BLOB)), 0))
FROM events WHERE run = ? GROUP BY type"""
SELECT_BLOB_SIZES = """SELECT e.type, length(CAST(b.content AS BLOB)),
  EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = b.blob AND u.run <> ?)
FROM (SELECT blob, min(type) AS type FROM events WHERE run = ? AND blob IS NOT NULL GROUP BY blob) e
JOIN blobs b ON b.blob = e.blob"""
SELECT_CHECKPOINTS_SIZE = "SELECT coalesce(sum(length(state)), 0) FROM checkpoints WHERE run = ?"
SELECT_INBOX_SIZE = f"""SELECT coalesce(sum({_ROW_BYTES} + length(CAST(id AS BLOB)) + length(CAST(data AS BLOB))), 0)
FROM inbox WHERE run = ?"""

# --- Pruning --------------------------------------------------------------------------------------------------

MARK_PRUNED = "UPDATE runs SET pruned = ?, summary = ?, due = NULL WHERE run = ?"
SELECT_HALF_PRUNED = """SELECT run FROM runs r WHERE pruned IS NOT NULL
AND EXISTS (SELECT 1 FROM events e WHERE e.run = r.run)"""
DELETE_CHECKPOINTS_OF = "DELETE FROM checkpoints WHERE run = ?"
DELETE_MESSAGES_OF = "DELETE FROM inbox WHERE run = ?"
SELECT_NTH_SEQ = "SELECT seq FROM events WHERE run = ? ORDER BY seq LIMIT 1 OFFSET ?"
DELETE_EVENTS_BEFORE = "DELETE FROM events WHERE run = ? AND seq < ?"
