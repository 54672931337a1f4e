"""Large payloads, kept apart from the events and once for all that are equal. It must not decode them.

A row of ``events`` that takes more than about 1,000 bytes spills to pages of its own, 4 KiB each, as the
table has no rowid; rows of ``blobs`` share pages up to four times that size.
"""

from __future__ import annotations

import sqlite3
from hashlib import sha256

LARGE = 900
"""Payloads of more bytes than this are kept in ``blobs``."""

_DIGEST_SIZE = 16
# Bytes are compared too: a blob that was damaged must not stand for a payload that is whole.
_FIND = "SELECT blob FROM blobs WHERE digest = ? AND content = ?"
_ADD = "INSERT INTO blobs (digest, content) VALUES (?, ?)"
_USE = """INSERT INTO blob_uses VALUES (?, ?, 1)
ON CONFLICT (blob, run) DO UPDATE SET events = events + 1"""
_USED = "SELECT blob, count(*) FROM events WHERE run = ? AND seq < ? AND blob IS NOT NULL GROUP BY blob"
_UNUSE = "UPDATE blob_uses SET events = events - ? WHERE blob = ? AND run = ?"
_FORGET = "DELETE FROM blob_uses WHERE blob = ? AND run = ? AND events <= 0"
_DROP = "DELETE FROM blobs WHERE blob = ? AND NOT EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = blobs.blob)"


def keep(connection: sqlite3.Connection, run: int, content: str | bytes) -> int:
    """Return the number of the blob with this content, added if need be, and count one use of it.

    It belongs to the transaction that is open, as does the event that uses it.
    """
    raw = content.encode() if isinstance(content, str) else content
    digest = sha256(raw).digest()[:_DIGEST_SIZE]
    found = connection.execute(_FIND, (digest, content)).fetchone()
    blob = found[0] if found is not None else connection.execute(_ADD, (digest, content)).lastrowid
    assert blob is not None
    connection.execute(_USE, (blob, run))
    return int(blob)


def let_go(connection: sqlite3.Connection, run: int, before: int) -> None:
    """Count the uses out that a run's first events make, and delete blobs without any; the events go next.

    Args:
        connection: inside a transaction.
        run: the run's key.
        before: events with lower numbers than this are meant.
    """
    used = connection.execute(_USED, (run, before)).fetchall()
    connection.executemany(_UNUSE, [(count, blob, run) for blob, count in used])
    connection.executemany(_FORGET, [(blob, run) for blob, _ in used])
    connection.executemany(_DROP, [(blob,) for blob, _ in used])
