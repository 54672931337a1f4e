"""Recorded bytes: those of older versions stay readable, damaged ones are a clear error."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable.errors import PayloadError
from durable.values.payloads import decode, encode


@dataclasses.dataclass
class Report:
    rows: list[Any]
    when: datetime.datetime | None = None


Point = collections.namedtuple("Point", "x y")


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
