"""Both stores keep the Store contract: every law of the suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from durable.clock import Clock
from durable.store import Store
from durable.testing import STORE_LAWS, StoreLaw, StoreReport, check_store
from durable_memory import open_store as open_memory
from durable_sqlite import open_store as open_sqlite

Opener = tuple[Callable[[Clock], Store], Callable[[Store, Clock], Store]]


def _reopen_sqlite(store: Store, clock: Clock) -> Store:
    return open_sqlite(store.url, clock)


def _reopen_memory(store: Store, clock: Clock) -> Store:
    return open_memory(store.url, clock)


@pytest.fixture(params=["memory", "sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """A factory and a reopener for each store."""
    count = iter(range(100))
    if request.param == "memory":
        return lambda clock: open_memory(f"memory://{tmp_path.name}-{id(count)}-{next(count)}", clock), _reopen_memory
    place = quote(str(tmp_path))
    options = "synchronous=normal"  # what the laws hold does not depend on it, and it is faster
    return lambda clock: open_sqlite(f"sqlite:///{place}/{next(count)}.db?{options}", clock), _reopen_sqlite


@pytest.mark.parametrize("law", STORE_LAWS, ids=str)
def test_stores_keep_each_law(law: StoreLaw, opener: Opener) -> None:
    """Both stores keep every law, none is skipped, and every law says what it guarantees."""
    assert law.guarantee
    assert law(*opener) is None


def test_default_durability_keeps_every_law(tmp_path: Path) -> None:
    """The SQLite store keeps all laws with its default options too, through ``check_store``."""
    count = iter(range(100))
    report = check_store(lambda clock: open_sqlite(f"sqlite:///{tmp_path}/{next(count)}.db", clock), _reopen_sqlite)
    assert report == StoreReport([law.name for law in STORE_LAWS], {})
