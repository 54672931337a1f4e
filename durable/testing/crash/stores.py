"""Opening stores by URL, many times in one process and its forks. It must not know any store."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from durable.errors import StoreNotFound
from durable.store import Store


@cache
def store_opener(url_scheme: str) -> Any:
    """Return what opens the stores of a URL scheme; found and imported once, because that takes time.

    Raises:
        StoreNotFound: no store is installed for the scheme.
    """
    for point in entry_points(group="durable.stores"):
        if point.name == url_scheme:
            return point.load()
    raise StoreNotFound(f"no store is installed for {url_scheme}://", hint="Is durable-runs installed?")


def open_quickly(url: str) -> Store:
    """Open a store, as ``durable.open_store`` does."""
    store: Store = store_opener(url.partition("://")[0])(url, clock=None)
    return store
