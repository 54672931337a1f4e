"""Preallocates SQLite's write-ahead log, before commits have to lengthen it.

A synced commit that lengthens its file costs about twice as much as one that overwrites what is there, because the
file system has to record the new length too. SQLite overwrites its log only after the first checkpoint, which short
runs never reach. So zeros are appended to it, in two steps, once a connection has written a few times.

It must not change a byte that is there: zeros are appended, whatever others do with the file meanwhile. For SQLite
they end the log, as do the frames of an earlier round.
"""

from __future__ import annotations

import os
from pathlib import Path

_PAGES = {4: 64, 48: 256}
"""How many pages the log is to have room for, by the number of transactions that the connection has begun. More than
``AUTOCHECKPOINT``, so that the last append before a checkpoint fits in; none for a connection that hardly writes."""
_FRAME_SIZE = 4096 + 24  # a page and its header
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


class WalPreallocation:
    """Counts the transactions of one connection, and lengthens its log when that has begun to pay.

    Args:
        database: the database file.
    """

    def __init__(self, database: Path) -> None:
        self._wal = f"{os.path.realpath(database)}-wal"  # SQLite resolves links too
        self._begun = 0

    def transaction_begun(self) -> WalPreallocation | None:
        """Count a transaction; returns None once there is nothing left to count for."""
        self._begun += 1
        pages = _PAGES.get(self._begun)
        if pages is not None and not _lengthen(self._wal, pages * _FRAME_SIZE):
            return None
        return self if self._begun < max(_PAGES) else None


def _lengthen(path: str, size: int) -> bool:
    """Append the zeros that are missing; False when that cannot be done, which costs time and nothing else."""
    try:
        file = os.open(path, _FLAGS)
        try:
            missing = size - os.fstat(file).st_size
            return missing <= 0 or os.write(file, bytes(missing)) == missing
        finally:
            os.close(file)
    except OSError:
        return False
