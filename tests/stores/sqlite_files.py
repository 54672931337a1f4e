"""A run in a SQLite file, for the tests that damage the file or keep others from it."""

from __future__ import annotations

from pathlib import Path

from durable.core.digest import verified
from durable.core.events import Event
from durable.store import Store
from durable_sqlite import open_store


def fill(url: str, events: int = 50, payload: bytes = b'"hello"') -> int:
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        store.append("run", [Event(1, 1, "RunCreated", data='{"workflow":"w"}')], 0, lease.token)
        for seq in range(1, events):
            store.append("run", [Event(seq + 1, 1, "TaskSucceeded", "t", 1, None, "json", payload)], seq, lease.token)
        store.release(lease)
    return events


def log_of(store: Store) -> list[Event]:
    return list(verified("run", store.read("run"), store.digests("run")))


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///").partition("?")[0])
