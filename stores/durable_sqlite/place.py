"""Where the database stands: its folder, and whether we may write there. It must not run SQL on our own data."""

from __future__ import annotations

import os
import sqlite3

from durable.errors import StoreError, StoreNotFound
from durable_sqlite import schema
from durable_sqlite.address import Address


class Place:
    """A database that can only be read.

    Without write permission to the folder, SQLite reads a database that has no WAL beside it only as
    "immutable", and then does not notice changes: so we look for them.

    Args:
        address: the database.
    """

    def __init__(self, address: Address) -> None:
        self._paths = [address.beside(suffix) for suffix in ("", "-wal")]
        self._immutable = not os.access(address.path.parent, os.W_OK) and not os.path.exists(self._paths[1])
        self._seen = self._look()
        self.query = "mode=ro&immutable=1" if self._immutable else "mode=ro"

    def changed(self) -> bool:
        """Return whether the connection has to be opened anew to see what was written since."""
        return self._immutable and self._look() != self._seen

    def _look(self) -> list[tuple[int, int] | None]:
        found: list[tuple[int, int] | None] = []
        for path in self._paths:
            try:
                status = os.stat(path)
            except OSError:
                found.append(None)
            else:
                found.append((status.st_mtime_ns, status.st_size))
        return found


def prepare(address: Address) -> Place | None:
    """Make the folder if need be; return None if we may write, else how to read.

    Raises:
        StoreError: the folder cannot be made, or the path is a folder.
        ForeignStore, StoreTooNew: the database is not one that we may write to.
    """
    path = address.path
    if path.is_dir():
        raise StoreError(f"{path} is a folder", hint="Name a file in it")
    if not path.exists() or not path.stat().st_size:
        _make_folder(address)
        if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
            raise StoreNotFound(f"there is no store at {path}, and it cannot be made there", hint="Name another place")
        return None
    if not os.access(path, os.R_OK):
        raise StoreError(f"{path} may not be read", hint="Ask its owner for permission")
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return Place(address)
    _look_before_writing(address)
    return None


def _look_before_writing(address: Address) -> None:
    """Refuse what is not ours through a connection that cannot change it, not even by closing."""
    if not os.path.exists(address.beside("-wal")):
        # Nobody has it open: then "immutable" spares us the -wal and -shm that even a reader makes.
        try:
            return _look(address, "mode=ro&immutable=1")
        except (StoreError, sqlite3.Error):
            if not os.path.exists(address.beside("-wal")):
                raise
    _look(address, "mode=ro")


def _look(address: Address, query: str) -> None:
    connection = sqlite3.connect(address.uri(query), uri=True, timeout=address.timeout)
    try:
        schema.is_current(connection, address.path)
    finally:
        connection.close()


def _make_folder(address: Address) -> None:
    folder = address.path.parent
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
