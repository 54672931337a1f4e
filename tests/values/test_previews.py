"""Guarantees of previews: short, safe on a terminal, quick whatever the value is, and without unpickling."""

from __future__ import annotations

import collections
import dataclasses
import pickle
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable.values.payloads import encode, preview_of
from durable.values.previews import PREVIEW_LENGTH, preview_value

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Report:
    rows: list[Any]
    password: str = dataclasses.field(default="", repr=False)


class Raising:
    def __repr__(self) -> str:
        raise ValueError


class NoText:
    def __repr__(self) -> str:
        return 1  # type: ignore[return-value]


class Slow:
    def __init__(self) -> None:
        self.data = random.Random(1).randbytes(50_000)

    def __repr__(self) -> str:
        pytest.fail("a large object's own __repr__ was called")


class Plain:
    pass


def preview(value: Any) -> str:
    payload = encode(value)
    return preview_of(None, None) if payload is None else preview_of(payload.encoding, payload.data, payload.preview)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (1, "1"),
        ("a\nb", '"a\\nb"'),
        ([1, {"a": None}], '[1,{"a":null}]'),
        ((1,), "(1,)"),
        ((1, "a"), "(1, 'a')"),
        (set(), "set()"),
        (frozenset({1}), "frozenset({1})"),
        ({1: (2, [3])}, "{1: (2, [3])}"),
        (b"\0a", "b'\\x00a'"),
        (Point(1, (2,)), "Point(x=1, y=(2,))"),
        (Report([1], "secret"), "Report(rows=[1])"),
        (Raising(), "<Raising>"),
        ([Raising(), 1], "[<Raising>, 1]"),
        (NoText(), "<NoText>"),
        (Slow(), "<Slow>"),
        (Plain(), "<Plain>"),
        (2**300, "<int of 301 bits>"),
        (((((((1,),),),),),), "(((((…,),),),),)"),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        ("\u202eabc\x9b", '"\\u202eabc\\x9b"'),
        ("\ud800", "'\\ud800'"),
    ],
)
def test_people_see_what_the_value_is(value: Any, text: str) -> None:
    assert preview(value) == text


@given(st.text() | st.lists(st.text() | st.binary()) | st.tuples(st.text(), st.integers()) | st.binary())
@settings(deadline=None)
def test_a_preview_is_short_printable_and_on_one_line(value: Any) -> None:
    text = preview(value)
    assert 0 < len(text) <= PREVIEW_LENGTH
    assert text.isprintable()


@given(st.text() | st.none(), st.text(max_size=20), st.binary(max_size=50))
def test_a_preview_of_anything_stored_never_raises(recorded: str | None, encoding: str, data: bytes) -> None:
    for name in (encoding, "json", "json+zstd", "pickle", "pickle+zstd", "json+hmac:0"):
        text = preview_of(name, data, recorded)
        assert len(text) <= PREVIEW_LENGTH
        assert text.isprintable()


def test_a_preview_never_unpickles(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = encode((1, "x" * 2000))
    assert payload is not None
    monkeypatch.setattr(pickle, "loads", lambda raw: pytest.fail("unpickled"))
    assert preview_of(payload.encoding, payload.data, payload.preview).startswith("(1, 'xxx")
    assert preview_of(payload.encoding, payload.data, None) == f"<pickle, {len(payload.data)} bytes>"


def test_a_long_value_is_cut() -> None:
    text = preview({"rows": list(range(1000))})
    assert len(text) == PREVIEW_LENGTH
    assert text.endswith("…")


def test_nested_aliases_do_not_multiply() -> None:
    value: Any = ()
    for _ in range(100):
        value = (value, value)
    assert preview_value(value, 0).startswith("(((((…), (…)), ((…), (…)))")


def test_a_huge_number_inside_is_not_written_out() -> None:
    assert preview((10**1_000_000,)) == "(<int of 3321929 bits>,)"
