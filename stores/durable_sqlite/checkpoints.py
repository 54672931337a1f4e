"""Checkpoints. It must not look into them."""

from __future__ import annotations

from durable.store import Checkpoint
from durable_sqlite import sql
from durable_sqlite.base import StoreBase, run_key
from durable_sqlite.errors import lease_lost


class Checkpoints(StoreBase):
    """The part of the store that keeps checkpoints."""

    def save_checkpoint(self, run_id: str, checkpoint: Checkpoint, token: int) -> None:
        """Keep a checkpoint, and of older ones the newest; see ``Store.save_checkpoint``."""
        with self._database.transaction as connection:
            if connection.execute(sql.SELECT_IS_LEASED, (run_id, token)).fetchone() is None:
                raise lease_lost(run_id, token)
            run = run_key(connection, run_id)
            values = (run, checkpoint.seq, checkpoint.time, checkpoint.digest, checkpoint.state)
            connection.execute(sql.INSERT_CHECKPOINT, values)
            connection.execute(sql.DELETE_ALL_BUT_TWO_CHECKPOINTS, (run, run))

    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        """Return the checkpoints, newest first; see ``Store.checkpoints``."""
        return [Checkpoint(*row) for row in self._database.read(sql.SELECT_CHECKPOINTS, (run_id,), run_id)]

    def drop_checkpoints(self, run_id: str) -> None:
        """Delete the checkpoints; see ``Store.drop_checkpoints``."""
        with self._database.transaction as connection:
            connection.execute(sql.DELETE_CHECKPOINTS, (run_id,))
