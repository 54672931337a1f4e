"""Large payloads, stored apart from the events and once for all that are equal. It must not decode them.

A row of ``events`` that takes more than about 1,000 bytes spills to pages of its own, 4 KiB each, as the
table has no rowid; rows of ``blobs`` share pages up to four times that size.
"""

from __future__ import annotations

import sqlite3
from hashlib import sha256

from durable_sqlite import sql

LARGE = 900
"""Payloads of more bytes than this are stored in ``blobs``."""

_DIGEST_SIZE = 16


def put(connection: sqlite3.Connection, run: int, content: str | bytes) -> int:
    """Return the number of the blob with this content, inserted if need be, and count one reference to it.

    It belongs to the transaction that is open, as does the event that uses it.
    """
    raw = content.encode() if isinstance(content, str) else content
    digest = sha256(raw).digest()[:_DIGEST_SIZE]
    found = connection.execute(sql.SELECT_BLOB, (digest, content)).fetchone()
    blob = found[0] if found is not None else connection.execute(sql.INSERT_BLOB, (digest, content)).lastrowid
    assert blob is not None
    connection.execute(sql.COUNT_BLOB_USE, (blob, run))
    return int(blob)


def release(connection: sqlite3.Connection, run: int, before: int) -> None:
    """Release the references of a run's first events, and delete blobs without any; the caller deletes the events.

    Args:
        connection: inside a transaction.
        run: the run's key.
        before: the number of the first event that stays.
    """
    used = connection.execute(sql.SELECT_BLOB_USES, (run, before)).fetchall()
    connection.executemany(sql.REDUCE_BLOB_USES, [(count, blob, run) for blob, count in used])
    connection.executemany(sql.DELETE_BLOB_USE, [(blob, run) for blob, _ in used])
    connection.executemany(sql.DELETE_UNUSED_BLOB, [(blob,) for blob, _ in used])
