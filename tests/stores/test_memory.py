"""What is particular to the store in memory: names, and what closing means."""

from __future__ import annotations

import pytest

from durable.core.events import Event
from durable.errors import StoreError
from durable_memory import open_store


def test_stores_without_a_name_share_nothing() -> None:
    """``memory://`` is a new and empty store each time."""
    one, two = open_store("memory://"), open_store("memory://")
    one.append("run", [Event(1, 1, "RunCreated")], 0, one.acquire("run", "me").token)
    assert one.run("run") is not None
    assert two.run("run") is None


def test_a_named_store_is_the_same_one_and_outlives_closing() -> None:
    """``memory://name`` names the same data in one process, also after it was closed."""
    with open_store("memory://kept") as one:
        one.append("run", [Event(1, 1, "RunCreated")], 0, one.acquire("run", "me").token)
    with open_store("memory://kept") as two:
        assert [event.seq for event in two.read("run")] == [1]
        assert open_store("memory://other").run("run") is None


@pytest.mark.parametrize("url", ["memory://a?b=c", "sqlite:///a.db", "memory:"])
def test_a_wrong_url_is_refused(url: str) -> None:
    """Options and other schemes are named, not ignored."""
    with pytest.raises(StoreError, match="memory://"):
        open_store(url)
