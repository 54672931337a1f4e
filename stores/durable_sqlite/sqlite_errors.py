"""The one place where errors of sqlite3 and the system become ours: what happened, which file, what to do next."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from durable.errors import LogCorrupt, StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreReadOnly

_FREE_SPACE = "Free space on the disk, then resume: nothing recorded is lost"

_PRIMARY: dict[int, tuple[type[StoreError], str, str]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "is locked by another program", "Close that program, then resume"),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "is locked by another program", "Close that program, then resume"),
    sqlite3.SQLITE_CORRUPT: (
        StoreCorrupt,
        "is damaged",
        "Keep a copy, then see durable verify; restore it from a backup or with sqlite3's .recover",
    ),
    sqlite3.SQLITE_NOTADB: (StoreCorrupt, "is not a SQLite database", "Name another file, or restore it from a backup"),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "cannot be written to", "Make the file and its folder writable"),
    sqlite3.SQLITE_PERM: (StoreReadOnly, "may not be opened", "Make the file and its folder readable and writable"),
    sqlite3.SQLITE_FULL: (StoreFull, "has no space left", _FREE_SPACE),
    sqlite3.SQLITE_CANTOPEN: (StoreError, "cannot be opened", "Look at the path and at the folder's permissions"),
    sqlite3.SQLITE_IOERR: (StoreError, "could not be read or written", "Look at the disk and at the system's log"),
    sqlite3.SQLITE_TOOBIG: (
        StoreError,
        "takes no value over 1 GB",
        "Keep large values in files, record their names",
    ),
}

# A full disk, a quota and a file-size limit all show as a write that fails, not only as SQLITE_FULL.
_NO_SPACE = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}


def translate(error: sqlite3.Error, path: Path, run_id: str | None = None) -> StoreError:
    """Return the typed error for what sqlite3 raised.

    Args:
        error: what sqlite3 raised.
        path: the database.
        run_id: the run concerned, when there is one.
    """
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return _without_code(error, path, run_id)
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        hint = "It was moved or deleted while it was open; reopen the store"
        return StoreError(f"{path} is not the file that was opened: {error}", run_id=run_id, hint=hint)
    primary = sqlite3.SQLITE_FULL if code in _NO_SPACE else code & 0xFF
    kind, what, hint = _PRIMARY.get(primary, (StoreError, "failed unexpectedly", "This is a fault: report it"))
    return kind(f"{path} {what}: {error}", run_id=run_id, hint=hint)


def translate_os_error(error: OSError, path: str) -> StoreError:
    """Return the typed error for a lock file that could not be made or locked."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StoreFull(f"no space is left for {path}", hint=_FREE_SPACE)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreReadOnly(f"{path} cannot be written to", hint="Make the file and its folder writable")
    return StoreError(f"{path} cannot be locked: {error.strerror}", hint="Network file systems may have no locks")


def _without_code(error: sqlite3.Error, path: Path, run_id: str | None) -> StoreError:
    text = str(error)
    if text.startswith("Could not decode to UTF-8"):
        hint = "See durable verify for what is intact, and restore the rest from a backup"
        return LogCorrupt(f"{path} holds text that is damaged: {text}", run_id=run_id, hint=hint)
    if "closed database" in text:
        return StoreError(f"the store {path} was closed", run_id=run_id, hint="Reopen it")
    return StoreError(f"{path} failed unexpectedly: {text}", run_id=run_id, hint="This is a fault: report it")
