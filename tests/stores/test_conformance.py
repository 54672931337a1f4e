"""Both stores keep the Store contract: every law of the kit, and the kit finds a store that does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from durable.clock import Clock
from durable.core.events import Event
from durable.store import Store
from durable.testing import STORE_LAWS, StoreLaw, check_store
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
    """Both stores keep every law, none is left out, and every law says what it guarantees."""
    assert law.guarantee
    assert law(*opener)


def test_default_durability_keeps_every_law(tmp_path: Path) -> None:
    """The SQLite store keeps all laws with its default options too, through ``check_store``."""
    count = iter(range(100))
    names = check_store(lambda clock: open_sqlite(f"sqlite:///{tmp_path}/{next(count)}.db", clock), _reopen_sqlite)
    assert names == [law.name for law in STORE_LAWS]


def test_laws_about_sharing_are_left_out_without_reopen() -> None:
    """Without ``reopen`` the other laws are checked all the same."""
    names = check_store(lambda clock: open_memory("memory://", clock))
    assert names == [law.name for law in STORE_LAWS if not law.needs_reopen]
    assert len(names) < len(STORE_LAWS)


def test_a_broken_law_is_named() -> None:
    """A store that loses the last event of each append is found out, by the name of a law."""
    from durable_memory import MemoryStore
    from durable_memory.database import Database

    class Forgetful(MemoryStore):
        def append(
            self, run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
        ) -> int:
            kept = events[:-1] if len(events) > 1 else events
            return super().append(run_id, kept, expected_seq, token, consume=consume)

    with pytest.raises(AssertionError, match="store law events_come_back_as_they_were is broken"):
        check_store(lambda clock: Forgetful(Database(), "memory://", clock))
