"""The result of a run for people and for programs; that of a map is read from the store, and no more of it than fits.

It must not bring a million values into memory because somebody asked for JSON.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from durable.engine.map_results import MapValues
from durable.values.payloads import decode_raw, encode, preview_of

if TYPE_CHECKING:
    from durable.runs.start import Run

MOST = 10_000
"""Values of maps that a JSON document holds at most."""

_FIRST = 5


class Shown(msgspec.Struct, frozen=True):
    """A result, as far as it is shown.

    Attributes:
        preview: a short text.
        raw: the whole of it as JSON; empty if it is no JSON, or too large.
        left_out: why it is not there although it may be JSON; None if it is.
    """

    preview: str
    raw: bytes = b""
    left_out: str | None = None


def result_of(run: Run, *, whole: bool) -> Shown:
    """Return the result of a run that succeeded.

    Args:
        run: the run.
        whole: whether the values of maps are wanted too, not only a preview.
    """
    result = run.result()
    several = {"": result} if isinstance(result, MapValues) else result if type(result) is dict else {}
    maps = {name: values for name, values in several.items() if isinstance(values, MapValues)}
    if not maps:
        return _encoded(result)
    short = "; ".join(_line(name, values) for name, values in maps.items())
    others = {name: value for name, value in several.items() if name not in maps}
    if others:
        short += f"; {_encoded(others).preview}"
    if not whole:
        return Shown(short)
    count = sum(map(len, maps.values()))
    if count > MOST:
        how = f"from Python: open_run({run.run_id!r}).result() and .iter()"
        return Shown(short, b"", f"{count:,} values; a document holds {MOST:,}. Read them one by one {how}")
    taken = {name: dict(values.iter()) if name in maps else values for name, values in several.items()}
    return Shown(short, _encoded(taken[""] if result is several.get("") else taken).raw)


def _encoded(value: Any) -> Shown:
    """A value as a preview, and as JSON if that is what it is."""
    payload = encode(value)
    if payload is None:
        return Shown("None")
    kind, raw = decode_raw(payload.encoding, payload.data)
    preview = preview_of(payload.encoding, payload.data, payload.preview)
    return Shown(preview, raw if kind == "json" else b"")


def _line(name: str, values: MapValues) -> str:
    """How many values a map has, and the first few of them: ``3 values: {"a": 1, "b": 2, "c": 3}``."""
    count = len(values)
    of = f" of {name}" if name else ""
    if not count:
        return f"no values{of}"
    first = [(member, _encoded(value).preview) for member, value in islice(values.iter(), _FIRST)]
    more = ", …" if count > len(first) else ""
    shown = ", ".join(f"{member}: {preview}" for member, preview in first)
    return f"{count:,} value{'' if count == 1 else 's'}{of}: {shown}{more}"
