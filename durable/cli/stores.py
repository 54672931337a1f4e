"""Opening a store for a command. A command that only reads never creates one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from durable.errors import StoreNotFound
from durable.store import Store, default_url, open_store


class NothingYet(StoreNotFound):
    """There is no store yet, and nobody named one: nothing has run here."""


@contextmanager
def existing_store(url: str | None) -> Iterator[Store]:
    """Open a store that is there, and close it afterwards.

    Args:
        url: as ``--store`` gives it; None for the default.

    Raises:
        NothingYet: it is the default store, and nothing has made it yet.
        StoreNotFound: it was named and is not there.
    """
    import os

    file = _file(url or default_url())
    if file is not None and not (file.exists() and (file.is_dir() or file.stat().st_size)):
        if url is None and not os.environ.get("DURABLE_STORE"):
            raise NothingYet(f"no store at {file} yet: nothing has run here", hint="Name another with --store URL")
        raise StoreNotFound(
            f"no store at {file} yet: nothing has run there", hint="Is --store, or DURABLE_STORE, right?"
        )
    with open_store(url) as store:
        yield store


def _file(url: str) -> Path | None:
    """The file of a SQLite store; None for other stores, which are asked themselves."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return Path(url)
    return Path(unquote(rest.partition("?")[0].removeprefix("/"))) if scheme == "sqlite" else None
