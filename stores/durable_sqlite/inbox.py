"""Inboxes. It must not look into messages."""

from __future__ import annotations

from durable.store import Message
from durable_sqlite import sql
from durable_sqlite.base import StoreBase, run_key


class Inbox(StoreBase):
    """The part of the store that keeps messages. Consumed ones stay, so that no id is accepted twice."""

    def send(self, run_id: str, message: Message) -> bool:
        """Put a message into the inbox; see ``Store.send``."""
        with self._database.transaction as connection:
            run = run_key(connection, run_id)
            values = (run, message.id, message.kind, message.data, message.time)
            return connection.execute(sql.INSERT_MESSAGE, values).rowcount == 1

    def inbox(self, run_id: str) -> list[Message]:
        """Return the messages that no append has consumed, oldest first; see ``Store.inbox``."""
        return [Message(*row) for row in self._database.read(sql.SELECT_INBOX, (run_id,), run_id)]
