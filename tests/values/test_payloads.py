"""Every value comes back from its payload as it was: same types, same values, JSON where that is exact."""

from __future__ import annotations

import collections
import datetime
import decimal
import math
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given, settings

from durable.errors import PayloadError
from durable.values.exact import MAX_DEPTH
from durable.values.payloads import Payload, decode, encode
from tests.values.samples import Color, Level, Text, kind_of, same, there_and_back, values


def json_exact(value: Any) -> bool:
    """The plain definition that the fast check must agree with."""
    if type(value) is list:
        return all(map(json_exact, value))
    if type(value) is dict:
        return all(type(key) is str and json_exact(key) and json_exact(item) for key, item in value.items())
    if type(value) is int:
        return -(2**63) <= value < 2**63
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is str:
        return not any("\ud800" <= char <= "\udfff" for char in value)
    return type(value) in (bool, type(None))


def containers(value: Any) -> int:
    """How many lists and dicts JSON would write; one that stands in many places counts each time."""
    inner = value if type(value) is list else value.values() if type(value) is dict else ()
    return (type(value) in (list, dict)) + sum(map(containers, inner))


class TestRoundTrip:
    @given(values)
    @settings(max_examples=400, deadline=None)
    def test_a_value_comes_back_with_same_types_and_values_at_every_level(self, value: Any) -> None:
        assert same(there_and_back(value), value)

    @given(values.filter(lambda value: value is not None))
    @settings(max_examples=400, deadline=None)
    @example([2**63 - 1] * 40)
    @example([2**63] * 40)
    @example([-(2**63) - 1] * 40)
    @example([1e308] * 40)
    @example([math.nan] * 40)
    @example([*[1.5] * 40, math.inf])
    @example([True] * 40 + [1])
    @example([Level.HIGH] * 40)
    @example({i: i for i in range(40)})
    @example({Text("a"): 1})
    @example(2**63)
    @example(-(2**63))
    def test_json_is_chosen_if_and_only_if_it_gives_the_value_back_exactly(self, value: Any) -> None:
        assume(containers(value) < 2_000)  # a crowd of aliases is pickled: test_nested_aliases_do_not_multiply
        assert (kind_of(value) == "json") == json_exact(value)

    def test_none_needs_no_payload(self) -> None:
        assert encode(None) is None
        assert decode(None, None) is None

    @pytest.mark.parametrize(
        "value",
        [
            math.nan,
            (1, (2,)),
            {1, 2},
            datetime.datetime(2026, 1, 1, fold=1, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            Color.RED,
            decimal.Decimal("1.10"),
            uuid.UUID(int=5),
            b"\0\xff",
            bytearray(b"x"),
            {(1, 2): "tuple key"},
            ValueError("an exception", 2),
            collections.OrderedDict(a=1),
            collections.Counter("aab"),
            range(3),
            ...,
        ],
        ids=repr,
    )
    def test_what_json_cannot_hold_is_pickled(self, value: Any) -> None:
        assert kind_of(value) == "pickle"
        back = there_and_back(value)
        assert type(back) is type(value)
        assert repr(back) == repr(value)

    def test_decoded_values_are_never_the_encoded_objects(self) -> None:
        value = {"a": [1]}
        assert there_and_back(value) == value
        assert there_and_back(value)["a"] is not value["a"]

    def test_a_closure_keeps_what_it_closes_over(self) -> None:
        def adder(n: int) -> Callable[[int], int]:
            return lambda x: x + n

        assert there_and_back(adder(2))(3) == 5

    @pytest.mark.parametrize("value", ["x" * 10_000, list(range(10_000)), ("x" * 10_000,), b"\0" * 5_000_000])
    def test_large_values_are_compressed_and_come_back(self, value: Any) -> None:
        payload = encode(value)
        assert payload is not None
        assert payload.encoding.endswith("+zstd")
        assert len(payload.data) < 30_000
        assert decode(payload.encoding, payload.data) == value

    def test_what_does_not_shrink_stays_as_it_is(self) -> None:
        noise = random.Random(1).randbytes(100_000)
        payload = encode(noise)
        assert payload is not None
        assert payload.encoding == "pickle"
        assert decode(payload.encoding, payload.data) == noise

    def test_small_values_are_readable_json(self) -> None:
        assert encode({"a": [1, "b", None, 1.5]}) == Payload("json", b'{"a":[1,"b",null,1.5]}')


class TestDepthAndAliases:
    def test_deep_values_are_pickled(self) -> None:
        value: Any = 1
        for _ in range(MAX_DEPTH + 1):
            value = [value]
        assert kind_of(value) == "pickle"
        assert kind_of(value[0]) == "json"
        assert there_and_back(value) == value

    def test_a_value_that_is_too_deep_is_a_clear_error(self) -> None:
        value: Any = 1
        for _ in range(100_000):
            value = [value]
        with pytest.raises(PayloadError, match=r"type list cannot be recorded.*too deeply"):
            encode(value)
        while type(value) is list:  # taken apart by hand: a deep deallocation is no part of this test
            value = value[0]

    def test_cycles_come_back_as_cycles(self) -> None:
        value: list[Any] = [1]
        value += [value, value]
        back = there_and_back(value)
        assert back[1] is back
        assert back[2] is back

    def test_nested_aliases_do_not_multiply(self) -> None:
        value: list[Any] = []
        for _ in range(60):
            value = [value, value]  # 2**60 paths
        payload = encode(value)
        assert payload is not None
        assert payload.encoding.startswith("pickle")
        assert len(payload.data) < 1000
