"""Guarantees of ``durable.values.payloads``: every value comes back the same, or is refused with a clear error."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import functools
import io
import math
import pathlib
import random
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any

import freezegun
import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from durable.errors import PayloadError
from durable.values.exact import MAX_DEPTH
from durable.values.payloads import Payload, decode, encode, preview_of

HERE = pathlib.Path(__file__)


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Flags(enum.Flag):
    A = 1
    B = 2


class Text(str):
    pass


class Rows(list[Any]):
    pass


@dataclasses.dataclass
class Report:
    rows: list[Any]
    when: datetime.datetime | None = None


Point = collections.namedtuple("Point", "x y")


def there_and_back(value: Any) -> Any:
    payload = encode(value)
    return decode(payload.encoding, payload.data) if payload is not None else decode(None, None)


def kind_of(value: Any) -> str:
    payload = encode(value)
    assert payload is not None
    return payload.encoding.partition("+")[0]


def same(a: Any, b: Any) -> bool:
    """Equal with the same types at each level; NaN is the same as NaN, 0.0 is not the same as -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a.items(), b.items(), strict=True))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, (set, frozenset)):
        return {(type(x), x) for x in a} == {(type(x), x) for x in b}
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if dataclasses.is_dataclass(a):
        return same(vars(a), vars(b))
    return bool(a == b)


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


any_text = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=20)
hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**63 - 2, 2**63 + 1)
    | st.floats(allow_nan=False)
    | any_text
    | st.binary(max_size=20)
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([Color.RED, Level.HIGH, Flags.A | Flags.B, Text("x"), pathlib.Path("/a"), Point(1, "b"), 1j])
)
atoms = hashable | st.floats()
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.lists(inner, max_size=3).map(Rows)
        | st.dictionaries(any_text, inner, max_size=5)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.sets(hashable, max_size=4)
        | st.frozensets(hashable, max_size=4)
        | st.builds(Report, st.lists(inner, max_size=3))
        | st.builds(lambda item, times: [item] * times, inner, st.integers(30, 70))
        | st.builds(lambda item, times: {str(i): item for i in range(times)}, inner, st.integers(30, 70))
    ),
    max_leaves=20,
)


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


class Unpicklable:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


class Unsayable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class RaisingMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)

    def __hash__(cls) -> int:
        raise RuntimeError("no hash")


class Odd(metaclass=RaisingMeta):
    pass


class TestUnpicklable:
    @pytest.mark.parametrize(
        ("make", "hint"),
        [
            (lambda: (i for i in [1]), "not a generator"),
            (threading.Lock, "locks"),
            (HERE.open, "open file"),
            (functools.partial(HERE.open, "rb"), "open file"),
            (lambda: {"nested": [HERE.open()]}, "open file"),
            (socket.socket, "locks, connections"),
            (sys._getframe, "plain data"),
        ],
    )
    def test_live_objects_are_refused_with_a_hint(self, make: Callable[[], Any], hint: str) -> None:
        value = make()
        with pytest.raises(PayloadError, match=type(value).__name__) as caught:
            encode(value)
        assert hint in str(caught.value)
        for held in (value, value["nested"][0] if isinstance(value, dict) else value):
            if isinstance(held, (io.IOBase, socket.socket)):
                held.close()

    def test_a_coroutine_is_refused_with_a_hint(self) -> None:
        async def task() -> None: ...

        coroutine = task()
        with pytest.raises(PayloadError, match="Await the coroutine"):
            encode(coroutine)
        coroutine.close()

    @pytest.mark.parametrize(
        "error",
        [ValueError("no"), MemoryError(), RecursionError(), StopIteration(), Unsayable(), RuntimeError("\ud800")],
        ids=lambda error: type(error).__name__,
    )
    def test_whatever_pickling_raises_becomes_a_payload_error(self, error: Exception) -> None:
        with pytest.raises(PayloadError, match="Unpicklable") as caught:
            encode(Unpicklable(error))
        assert caught.value.hint
        assert str(caught.value)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
    def test_an_interrupt_passes_through(self, error: BaseException) -> None:
        with pytest.raises(type(error)):
            encode(Unpicklable(error))

    def test_a_hostile_metaclass_is_only_a_payload_error(self) -> None:
        with pytest.raises(PayloadError, match="Odd"):
            encode(Odd())
        with pytest.raises(PayloadError):
            encode([Odd()] * 100)

    def test_standard_output_is_recorded_as_such(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with open(tmp_path / "out", "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert there_and_back([stream]) == [stream]


class TestDecodeErrors:
    @pytest.mark.parametrize(
        ("encoding", "data"),
        [
            ("json", b"{"),
            ("json", b"\xff"),
            ("json", b""),
            ("pickle", b""),
            ("pickle", b"junk"),
            ("json+zstd", b"junk"),
            ("pickle+zstd", b""),
            ("json", None),
            (None, b"1"),
        ],
    )
    def test_damaged_bytes_are_a_payload_error_with_a_hint(self, encoding: str | None, data: bytes | None) -> None:
        with pytest.raises(PayloadError, match="durable verify"):
            decode(encoding, data)

    @pytest.mark.parametrize("encoding", ["yaml", "", "json+gzip", "zstd+json", "json+zstd+zstd", "JSON"])
    def test_an_unknown_encoding_is_named(self, encoding: str) -> None:
        with pytest.raises(PayloadError, match=f"unknown encoding '{encoding}'".replace("+", r"\+")):
            decode(encoding, b"1")

    def test_a_class_that_is_gone_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        payload = encode(Point(1, 2))
        assert payload is not None
        monkeypatch.delitem(globals(), "Point")
        with pytest.raises(PayloadError, match=r"Point.*restore its name"):
            decode(payload.encoding, payload.data)

    @given(st.sampled_from(["json", "pickle", "json+zstd", "pickle+zstd"]), st.binary(max_size=60))
    @settings(deadline=None)
    def test_arbitrary_bytes_decode_or_raise_a_payload_error_never_anything_else(
        self, encoding: str, data: bytes
    ) -> None:
        if encoding == "pickle" and b"\n" in data:
            return  # a text opcode could import any module
        with contextlib.suppress(PayloadError):
            decode(encoding, data)


class TestTime:
    def test_frozen_dates_come_back_as_real_ones(self) -> None:
        zone = datetime.timezone(datetime.timedelta(hours=-3))
        with freezegun.freeze_time("2026-03-01 12:00:00"):
            frozen = {
                "now": datetime.datetime.now(zone),
                "nested": [(datetime.datetime(2026, 3, 1, fold=1),), {datetime.date.today()}],
                "class": datetime.datetime,
                "report": Report([datetime.date(2026, 1, 1)], datetime.datetime.now()),
            }
            payload = encode(frozen)
            assert payload is not None
            while_frozen = decode(payload.encoding, payload.data)
        assert b"freezegun" not in payload.data
        for back in (while_frozen, decode(payload.encoding, payload.data)):
            assert type(back["now"]) is datetime.datetime
            assert back["now"] == datetime.datetime(2026, 3, 1, 9, tzinfo=zone)
            assert back["nested"] == [(datetime.datetime(2026, 3, 1),), {datetime.date(2026, 3, 1)}]
            assert type(back["nested"][0][0]) is datetime.datetime
            assert back["nested"][0][0].fold == 1
            assert {type(day) for day in back["nested"][1]} == {datetime.date}
            assert back["class"] is datetime.datetime
            assert type(back["report"].rows[0]) is datetime.date
            assert type(back["report"].when) is datetime.datetime

    def test_real_dates_are_recorded_while_time_is_frozen_and_fakes_after_it(self) -> None:
        real = datetime.datetime(2026, 3, 1)
        with freezegun.freeze_time("2026-03-01"):
            fake = datetime.datetime.now()
            back = there_and_back([real])[0]
        assert (type(back), back) == (datetime.datetime, real)
        assert type(fake) is not datetime.datetime
        back = there_and_back(fake)
        assert (type(back), back) == (datetime.datetime, real)

    def test_dates_outside_a_frozen_clock_need_nothing_of_durable(self) -> None:
        payload = encode(datetime.datetime(2026, 3, 1))
        assert payload is not None
        assert b"durable" not in payload.data


class TestFormat:
    """Logs outlive versions: what older ones wrote must stay readable."""

    def test_names_that_stand_in_recorded_pickles_still_resolve(self) -> None:
        assert decode("pickle", b"cdurable.values.pickles\ntime_class\n(Vdate\ntR.") is datetime.date
        found = decode(
            "pickle", b"cdurable.values.references\nresolve_reference\n(V%b\nVReport\ntR." % __file__.encode()
        )
        assert found is Report

    def test_a_json_payload_is_what_any_json_reader_reads(self) -> None:
        payload = encode({"ä": [1, 2.5, None, True, "\n"]})
        assert payload is not None
        assert msgspec.json.decode(payload.data) == {"ä": [1, 2.5, None, True, "\n"]}


class TestThreads:
    def test_many_threads_encode_and_decode_at_once(self) -> None:
        values = ["x" * 2000, list(range(2000)), (1, "y" * 5000), {"k": list(range(300))}, Report([1] * 1000)]
        start = threading.Barrier(8)
        wrong: list[Any] = []

        def work(seed: int) -> None:
            order = random.Random(seed)
            start.wait()
            for _ in range(150):
                value = order.choice(values)
                payload = encode(value)
                if payload is None or not same(decode(payload.encoding, payload.data), value):
                    wrong.append(value)
                elif not preview_of(payload.encoding, payload.data, payload.preview):
                    wrong.append(payload)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    def test_a_value_that_another_thread_changes_is_encoded_or_refused(self) -> None:
        value = {str(i): [i] for i in range(2000)}
        stop = threading.Event()

        def change() -> None:
            while not stop.is_set():
                value["new"] = [0]
                del value["new"]

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(100):
                with contextlib.suppress(PayloadError):
                    encode(value)
        finally:
            stop.set()
            thread.join()
