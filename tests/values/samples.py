"""Values of every kind that a task may return, what they come back as, and when two of them are the same."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import math
import pathlib
from typing import Any

from hypothesis import strategies as st

from durable.values.payloads import decode, encode


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
