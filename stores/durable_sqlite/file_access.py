"""Access to the database file: its folder, and whether we may write. It must not run SQL on our own data."""

from __future__ import annotations

import os
import sqlite3

from durable.errors import StoreError, StoreNotFound
from durable_sqlite import schema
from durable_sqlite.url import DatabaseConfig


class ReadOnlyFile:
    """A database that can only be read.

    Without write permission to the folder, SQLite reads a database that has no WAL only as "immutable", and
    then does not notice changes: so we look for them.

    Args:
        config: the database.
    """

    def __init__(self, config: DatabaseConfig) -> None:
        self._paths = [config.sidecar(suffix) for suffix in ("", "-wal")]
        self._immutable = not os.access(config.path.parent, os.W_OK) and not os.path.exists(self._paths[1])
        self._seen = self._fingerprint()
        self.uri_query = "mode=ro&immutable=1" if self._immutable else "mode=ro"

    def changed(self) -> bool:
        """Return whether the connection has to be reopened to see what was written since."""
        return self._immutable and self._fingerprint() != self._seen

    def _fingerprint(self) -> list[tuple[int, int] | None]:
        found: list[tuple[int, int] | None] = []
        for path in self._paths:
            try:
                status = os.stat(path)
            except OSError:
                found.append(None)
            else:
                found.append((status.st_mtime_ns, status.st_size))
        return found


def prepare_file(config: DatabaseConfig) -> ReadOnlyFile | None:
    """Make the folder if need be; return None if we may write, else how to read.

    Raises:
        StoreError: the folder cannot be made, or the path is a folder.
        ForeignStore, StoreTooNew: the database is not one that we may write to.
    """
    path = config.path
    if path.is_dir():
        raise StoreError(f"{path} is a folder", hint="Name a file in it")
    if not path.exists() or not path.stat().st_size:
        _make_folder(config)
        if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
            raise StoreNotFound(f"there is no store at {path}, and it cannot be made there", hint="Name another place")
        return None
    if not os.access(path, os.R_OK):
        raise StoreError(f"{path} may not be read", hint="Ask its owner for permission")
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return ReadOnlyFile(config)
    _check_before_writing(config)
    return None


def _check_before_writing(config: DatabaseConfig) -> None:
    """Refuse what is not ours through a connection that cannot change it, not even by closing."""
    if not os.path.exists(config.sidecar("-wal")):
        # Nobody has it open: then "immutable" spares us the -wal and -shm that even a reader makes.
        try:
            return _check_schema(config, "mode=ro&immutable=1")
        except (StoreError, sqlite3.Error):
            if not os.path.exists(config.sidecar("-wal")):
                raise
    _check_schema(config, "mode=ro")


def _check_schema(config: DatabaseConfig, uri_query: str) -> None:
    connection = sqlite3.connect(config.file_uri(uri_query), uri=True, timeout=config.timeout)
    try:
        schema.is_current(connection, config.path)
    finally:
        connection.close()


def _make_folder(config: DatabaseConfig) -> None:
    folder = config.path.parent
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.name == ".durable":
            (folder / ".gitignore").write_text("*\n")
    except OSError as error:
        raise StoreError(
            f"the folder {folder} for the store cannot be made: {error.strerror}", hint="Name another place"
        ) from error
