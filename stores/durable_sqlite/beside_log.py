"""Checkpoints and inboxes. It must not look into either."""

from __future__ import annotations

import sqlite3

from durable.errors import RunNotFound
from durable.store import Checkpoint, Message
from durable_sqlite import sql
from durable_sqlite.part import Part, lease_lost, refuse_pruned


class Checkpoints(Part):
    """The part of the store that keeps checkpoints."""

    def save_checkpoint(self, run_id: str, checkpoint: Checkpoint, token: int) -> None:
        """Keep a checkpoint, and of older ones the newest; see ``Store.save_checkpoint``."""
        with self._link.writing as connection:
            if connection.execute(sql.SELECT_IS_LEASED, (run_id, token)).fetchone() is None:
                raise lease_lost(run_id, token)
            run = _key(connection, run_id)
            values = (run, checkpoint.seq, checkpoint.time, checkpoint.digest, checkpoint.state)
            connection.execute(sql.INSERT_CHECKPOINT, values)
            connection.execute(sql.DELETE_ALL_BUT_TWO_CHECKPOINTS, (run, run))

    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        """Return the checkpoints, newest first; see ``Store.checkpoints``."""
        return [Checkpoint(*row) for row in self._link.read(sql.SELECT_CHECKPOINTS, (run_id,), run_id)]

    def drop_checkpoints(self, run_id: str) -> None:
        """Delete the checkpoints; see ``Store.drop_checkpoints``."""
        with self._link.writing as connection:
            connection.execute(sql.DELETE_CHECKPOINTS, (run_id,))


class Inbox(Part):
    """The part of the store that keeps messages. Consumed ones stay, so that no id is taken twice."""

    def send(self, run_id: str, message: Message) -> bool:
        """Put a message into the inbox; see ``Store.send``."""
        with self._link.writing as connection:
            run = _key(connection, run_id)
            sent = connection.execute(
                sql.INSERT_MESSAGE,
                (run, message.id, message.kind, message.data, message.time),
            )
            return sent.rowcount == 1

    def inbox(self, run_id: str) -> list[Message]:
        """Return the messages that wait, oldest first; see ``Store.inbox``."""
        return [Message(*row) for row in self._link.read(sql.SELECT_INBOX, (run_id,), run_id)]


def _key(connection: sqlite3.Connection, run_id: str) -> int:
    row = connection.execute(sql.SELECT_RUN_KEY, (run_id,)).fetchone()
    if row is None:
        refuse_pruned(connection, run_id)
        raise RunNotFound("there is no such run", run_id=run_id, hint="See durable runs")
    return int(row[0])
