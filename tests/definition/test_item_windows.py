"""Windows: items a few at a time, encoded; small ones first, and none that is too large."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable import DefinitionError, DuplicateKey, PayloadError
from durable.core.specs import Window
from durable.definition import item_windows as module
from durable.definition.item_windows import (
    MOST_BYTES,
    MOST_ITEMS,
    by_reference,
    encode_items,
    inline,
    key_of,
    refuse_twice,
    windows,
)
from durable.values.payloads import decode


def items_of(found: list[Window]) -> list[Any]:
    return [item for window in found if window.items is not None for item in decode(*window.items)]


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 80, 1000, 3000])
def test_all_items_are_there_in_order(size: int) -> None:
    """Only the last window says that it is the last one."""
    found = list(windows(range(size), 0, inline("m")))
    assert items_of(found) == list(range(size))
    assert [window.last for window in found] == [False] * (len(found) - 1) + [True]
    begun = ((16, 0), (64, 16), (256, 80), (1000, 336))
    counts = [max(min(most, size - before), 0) for most, before in begun]
    assert [window.count for window in found[:4]] == counts[: len(found)]
    assert all(window.items is not None for window in found if window.count)


def test_items_are_read_no_further_than_a_window() -> None:
    """Nothing before the first window is asked for."""
    read: list[int] = []

    def source() -> Iterator[int]:
        for n in range(10_000):
            read.append(n)
            yield n

    made = windows(source(), 0, inline("m"))
    assert not read
    for window, upto in zip(islice(made, 3), (16, 80, 336), strict=True):
        assert len(read) == upto
        assert window.count <= MOST_ITEMS


def test_windows_of_large_items_have_few() -> None:
    """About a MiB, and one item however large it is."""
    sizes = [window.count for window in windows((b"x" * 200_000 for _ in range(60)), 0, inline("m"))]
    assert sum(sizes) == 60
    assert max(sizes) * 200_000 <= 1.2 * MOST_BYTES
    for large in (b"x" * 3_000_000, "x" * 3_000_000):
        assert [window.count for window in windows([large] * 3, 0, inline("m"))] == [1, 1, 1, 0]
    nested = [window.count for window in windows(([b"x" * 300_000] for _ in range(30)), 0, inline("m"))]
    assert (nested[0], max(nested[1:])) == (16, 3)  # how large they are is known once some were encoded


def test_a_window_grows_again_when_items_are_small_again() -> None:
    """One large item does not make all later windows small."""
    items = [b"x" * 5_000_000, *range(6000)]
    assert max(window.count for window in windows(items, 0, inline("m"))) == MOST_ITEMS


def test_a_slow_source_makes_small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is is handed on after a moment."""
    now = [0.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])

    def source() -> Iterator[int]:
        for n in range(5):
            now[0] += 0.06
            yield n

    assert [window.count for window in windows(source(), 0, inline("m"))] == [2, 2, 1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers() | st.text() | st.none() | st.lists(st.integers()), max_size=80), st.integers(1, 30))
def test_a_digest_is_that_of_the_items_however_they_are_cut(items: list[Any], size: int) -> None:
    """The same for the same items, another for others."""
    if not items:
        return
    part = items[:size]
    assert encode_items(part, 0, "m")[1] == encode_items([*part], 7, "other")[1]
    assert encode_items(part, 0, "m")[1] != encode_items([*part, "more"], 0, "m")[1]


def test_keys_go_with_their_items() -> None:
    """In windows as those without keys."""
    found = list(windows(((f"k{n}", n) for n in range(100)), 0, inline("m"), keyed=True))
    assert [key for window in found for key in window.keys or ()] == [f"k{n}" for n in range(100)]
    assert items_of(found) == list(range(100))
    assert found[-1].last
    (empty,) = windows((), 5, inline("m"), keyed=True)
    assert (empty.count, empty.keys, empty.last) == (0, [], True)


def test_items_that_another_event_has_are_not_recorded_again() -> None:
    """Only how many they are."""
    found = list(windows(range(100), 0, by_reference))
    assert sum(window.count for window in found) == 100
    assert all(window.items is None and not window.digest for window in found)


@pytest.mark.parametrize("place", [0, 20, 500])
def test_an_item_that_cannot_be_recorded_is_named(place: int) -> None:
    """By its position, after those before it were handed out."""
    items: list[Any] = [*range(place), (n for n in ()), 1]
    found = []
    with pytest.raises(PayloadError, match=f"item {place} of 'm' cannot be recorded") as caught:
        found.extend(windows(items, 0, inline("m")))
    assert caught.value.task_id == "m"
    with pytest.raises(PayloadError, match=f"item {place + 40} of 'm'"):
        list(windows(items, 40, inline("m")))


@pytest.mark.parametrize(("value", "key"), [("a", "a"), ("a/b #2", "a/b #2"), (7, "7"), (-7, "-7"), ("0", "0")])
def test_keys_that_can_be(value: Any, key: str) -> None:
    """Printable texts and whole numbers."""
    assert key_of(value, 3, "m") == key


@pytest.mark.parametrize("value", ["", "a\nb", "\x00", "x" * 501, 1.5, True, None, ("a",), b"a", [1]], ids=ascii)
def test_keys_that_cannot_be(value: Any) -> None:
    """The position and the value are named."""
    with pytest.raises(DefinitionError, match="the key of item 3 is") as caught:
        key_of(value, 3, "m")
    assert caught.value.task_id == "m"


def test_two_items_of_one_key() -> None:
    """Both positions are named."""
    error = refuse_twice("k", 3, 70, "m")
    assert isinstance(error, DuplicateKey)
    assert isinstance(error, DefinitionError)
    assert "positions 3 and 70 of 'm' have the same key 'k'" in str(error)
