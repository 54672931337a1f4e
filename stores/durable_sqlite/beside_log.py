"""Checkpoints and inboxes. It must not look into either."""

from __future__ import annotations

import sqlite3

from durable.errors import RunNotFound
from durable.store import Checkpoint, Message
from durable_sqlite.part import Part, lease_lost, refuse_pruned

_KEPT = 2
_KEY = "(SELECT run FROM runs WHERE run_id = ?)"


class Checkpoints(Part):
    """The part of the store that keeps checkpoints."""

    def save_checkpoint(self, run_id: str, checkpoint: Checkpoint, token: int) -> None:
        """Keep a checkpoint, and of older ones the newest; see ``Store.save_checkpoint``."""
        with self._link.writing as connection:
            held = "SELECT 1 FROM leases WHERE run_id = ? AND token = ? AND owner IS NOT NULL"
            if connection.execute(held, (run_id, token)).fetchone() is None:
                raise lease_lost(run_id, token)
            run = _key(connection, run_id)
            values = (run, checkpoint.seq, checkpoint.time, checkpoint.digest, checkpoint.state)
            connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)", values)
            newest = f"SELECT seq FROM checkpoints WHERE run = ? ORDER BY seq DESC LIMIT {_KEPT}"
            connection.execute(f"DELETE FROM checkpoints WHERE run = ? AND seq NOT IN ({newest})", (run, run))

    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        """Return the checkpoints, newest first; see ``Store.checkpoints``."""
        query = f"SELECT seq, digest, state, time FROM checkpoints WHERE run = {_KEY} ORDER BY seq DESC"
        return [Checkpoint(*row) for row in self._link.read(query, (run_id,), run_id)]

    def drop_checkpoints(self, run_id: str) -> None:
        """Delete the checkpoints; see ``Store.drop_checkpoints``."""
        with self._link.writing as connection:
            connection.execute(f"DELETE FROM checkpoints WHERE run = {_KEY}", (run_id,))


class Inbox(Part):
    """The part of the store that keeps messages. Consumed ones stay, so that no id is taken twice."""

    def send(self, run_id: str, message: Message) -> bool:
        """Put a message into the inbox; see ``Store.send``."""
        with self._link.writing as connection:
            run = _key(connection, run_id)
            sent = connection.execute(
                "INSERT OR IGNORE INTO inbox (run, id, kind, data, time) VALUES (?, ?, ?, ?, ?)",
                (run, message.id, message.kind, message.data, message.time),
            )
            return sent.rowcount == 1

    def inbox(self, run_id: str) -> list[Message]:
        """Return the messages that wait, oldest first; see ``Store.inbox``."""
        query = f"SELECT id, kind, data, time FROM inbox WHERE run = {_KEY} AND consumed IS NULL ORDER BY number"
        return [Message(*row) for row in self._link.read(query, (run_id,), run_id)]


def _key(connection: sqlite3.Connection, run_id: str) -> int:
    row = connection.execute("SELECT run FROM runs WHERE run_id = ? AND pruned IS NULL", (run_id,)).fetchone()
    if row is None:
        refuse_pruned(connection, run_id)
        raise RunNotFound("there is no such run", run_id=run_id, hint="See durable runs")
    return int(row[0])
