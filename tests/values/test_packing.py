"""Guarantees of ``durable.values.packing``: altered and oversized payloads never become values."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable.errors import PayloadError, PayloadRefused
from durable.values.payloads import Payload, decode, encode, preview_of

KEY = "DURABLE_SIGNING_KEY"
CAP = "DURABLE_MAX_PAYLOAD"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(KEY, "secret-ä")
    return "secret-ä"


def encoded(value: Any) -> Payload:
    payload = encode(value)
    assert payload is not None
    return payload


VALUES = [1, "text", {"a": [1.5, None]}, (1, 2), b"bytes", "x" * 3000, ("y" * 3000,)]


class TestSigning:
    @pytest.mark.parametrize("value", VALUES)
    def test_signed_values_come_back_with_the_key_and_without(
        self, value: Any, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payload = encoded(value)
        assert len(payload.encoding.partition("+hmac:")[2]) == 32
        assert decode(payload.encoding, payload.data) == value
        monkeypatch.delenv(KEY)
        assert decode(payload.encoding, payload.data) == value

    @pytest.mark.parametrize("value", VALUES)
    def test_another_signing_key_refuses(self, value: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        payload = encoded(value)
        monkeypatch.setenv(KEY, "other")
        with pytest.raises(PayloadRefused, match="another DURABLE_SIGNING_KEY"):
            decode(payload.encoding, payload.data)

    @pytest.mark.parametrize("value", [(1, 2), ("y" * 3000,)])
    def test_an_unsigned_pickle_is_refused_and_not_loaded(self, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        payload = encoded(value)
        monkeypatch.setenv(KEY, "secret")
        monkeypatch.setattr(pickle, "loads", lambda raw: pytest.fail("unpickled"))
        with pytest.raises(PayloadRefused, match="unsigned pickle"):
            decode(payload.encoding, payload.data)
        with pytest.raises(PayloadRefused):
            decode(payload.encoding + "+hmac:", payload.data)

    @pytest.mark.parametrize("value", [1, "x" * 3000])
    def test_unsigned_json_is_accepted_because_it_runs_nothing(
        self, value: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payload = encoded(value)
        monkeypatch.setenv(KEY, "secret")
        assert decode(payload.encoding, payload.data) == value

    @given(st.sampled_from(VALUES), st.data())
    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_a_flipped_bit_of_a_signed_payload_never_gives_a_value(
        self, key: str, value: Any, data: st.DataObject
    ) -> None:
        payload = encoded(value)
        altered = bytearray(payload.data)
        altered[data.draw(st.integers(0, len(altered) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        with pytest.raises(PayloadRefused):
            decode(payload.encoding, bytes(altered))

    def test_the_encoding_is_signed_too(self, key: str) -> None:
        payload = encoded((1, 2))
        with pytest.raises(PayloadRefused):
            decode(payload.encoding.replace("pickle", "json"), payload.data)
        with pytest.raises(PayloadRefused):
            decode(payload.encoding[:-1] + "ä", payload.data)

    def test_an_empty_key_is_no_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(KEY, "")
        assert encoded(1).encoding == "json"
        assert decode("pickle", pickle.dumps((1,))) == (1,)

    def test_a_preview_needs_no_key(self, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        payload = encoded({"a": 1})
        monkeypatch.delenv(KEY)
        assert preview_of(payload.encoding, payload.data) == '{"a":1}'


class TestSizeCap:
    def test_a_bomb_is_refused_before_it_is_decompressed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CAP, "1000000")
        bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
        assert len(bomb) < 10_000
        with pytest.raises(PayloadRefused, match=r"50,000,000 bytes.*DURABLE_MAX_PAYLOAD"):
            decode("json+zstd", bomb)

    def test_a_bomb_that_does_not_say_its_size_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CAP, "1000000")
        stream = zstandard.ZstdCompressor().compressobj()
        with pytest.raises(PayloadRefused, match="cap is 1,000,000"):
            decode("pickle+zstd", stream.compress(bytes(50_000_000)) + stream.flush())

    def test_a_frame_without_a_size_is_read(self) -> None:
        stream = zstandard.ZstdCompressor().compressobj()
        assert decode("json+zstd", stream.compress(b"[1,2]") + stream.flush()) == [1, 2]

    def test_what_could_not_be_read_again_is_not_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CAP, "1000")
        with pytest.raises(PayloadRefused, match="return its path"):
            encode("x" * 2000)
        with pytest.raises(PayloadRefused, match="return its path"):
            encode(b"x" * 2000)

    def test_a_cap_that_is_no_number_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CAP, "1 GB")
        with pytest.raises(PayloadError, match="DURABLE_MAX_PAYLOAD is '1 GB'"):
            encode("x" * 2000)

    @pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[4:], lambda b: b + b])
    def test_a_damaged_frame_is_a_payload_error(self, damage: Any) -> None:
        payload = encoded("x" * 3000)
        with pytest.raises(PayloadError, match="durable verify"):
            decode(payload.encoding, damage(payload.data))

    def test_a_preview_decompresses_only_what_it_shows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CAP, "1000000")
        bomb = zstandard.ZstdCompressor().compress(b'"' + b"a" * 50_000_000)
        assert preview_of("json+zstd", bomb) == '"' + "a" * 78 + "…"
