"""Any exception becomes readable data, with its type, message and causes, and hurts nobody on the way."""

from __future__ import annotations

import asyncio
import gc
import random
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.core.results import ErrorRecord
from durable.errors import PayloadError
from durable.values.failures import MAX_CAUSES, MAX_TEXT, decode_error, encode_error, record_error


class Refused(Exception):
    class Later(Exception):
        pass


class TwoArguments(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")

    def __reduce__(self) -> Any:
        raise TypeError("not picklable")


class Unreadable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


class NoText(Exception):
    def __str__(self) -> str:
        return 1  # type: ignore[return-value]


class Strange(Exception):
    @property
    def __cause__(self) -> Any:
        raise RuntimeError

    @property
    def __notes__(self) -> Any:
        raise RuntimeError


def raised(body: Callable[[], object]) -> BaseException:
    try:
        body()
    except BaseException as error:
        return error
    raise AssertionError("the body returned")


def raising(error: BaseException) -> BaseException:
    def body() -> None:
        raise error

    return raised(body)


def back(record: ErrorRecord) -> ErrorRecord:
    payload = encode_error(record)
    return decode_error(payload.encoding, payload.data)


class TestTypeAndMessage:
    @pytest.mark.parametrize(
        ("error", "name", "message"),
        [
            (ValueError("boom"), "ValueError", "boom"),
            (ValueError(), "ValueError", ""),
            (KeyError("key"), "KeyError", "'key'"),
            (Refused("x"), f"{__name__}.Refused", "x"),
            (Refused.Later("x"), f"{__name__}.Refused.Later", "x"),
            (TwoArguments(1, "a"), f"{__name__}.TwoArguments", "1: a"),
            (Unreadable(), f"{__name__}.Unreadable", "<message could not be read: ValueError>"),
            (NoText(), f"{__name__}.NoText", "<message could not be read: TypeError>"),
            (Strange("odd"), f"{__name__}.Strange", "odd"),
            (KeyboardInterrupt(), "KeyboardInterrupt", ""),
            (ValueError("\ud800"), "ValueError", "\\ud800"),
            (type("Odd", (Exception,), {"__module__": "\ud800"})("x"), "\\ud800.Odd", "x"),
        ],
    )
    def test_type_and_message_are_recorded_and_come_back(self, error: BaseException, name: str, message: str) -> None:
        record = record_error(error)
        assert (record.type, record.message) == (name, message)
        assert back(record) == record

    def test_a_huge_message_is_limited_and_keeps_both_ends(self) -> None:
        record = record_error(ValueError("start" + "x" * 1_000_000 + "end"))
        assert len(record.message) <= MAX_TEXT
        assert record.message.startswith("start")
        assert record.message.endswith("end")

    def test_an_error_of_a_script_has_one_name_in_each_process(self, tmp_path: Path) -> None:
        (tmp_path / "flow.py").write_text(
            "from durable.values.failures import record_error\n"
            "class Boom(Exception): pass\n"
            "name = record_error(Boom()).type\n"
            "if __name__ == '__main__': print(name)"
        )
        for command in (
            ["flow.py"],
            ["-c", "from durable.values.programs import load_script as l; print(l('flow.py').name)"],
        ):
            done = subprocess.run(
                [sys.executable, *command],
                cwd=tmp_path,
                env={"PYTHONPATH": str(Path(__file__).parents[2])},
                capture_output=True,
                text=True,
                check=True,
            )
            assert done.stdout.strip() == "flow.Boom"

    def test_recording_keeps_no_reference_to_the_exception(self) -> None:
        error: BaseException | None = raising(Refused("x"))
        gone = weakref.ref(error)
        record = record_error(error)  # type: ignore[arg-type]
        error = None
        gc.collect()
        assert gone() is None
        assert record.message == "x"


class TestCauses:
    def test_cause_and_context_are_followed_and_suppressed_ones_are_not(self) -> None:
        def explicit() -> None:
            try:
                raise KeyError("first")
            except KeyError as error:
                raise ValueError("second") from error

        def implicit() -> None:
            try:
                raise KeyError("first")
            except KeyError:
                raise ValueError("second")  # noqa: B904

        def suppressed() -> None:
            try:
                raise KeyError("first")
            except KeyError:
                raise ValueError("second") from None

        for body in (explicit, implicit):
            record = record_error(raised(body))
            assert record.cause is not None
            assert (record.type, record.cause.type) == ("ValueError", "KeyError")
            assert 'raise KeyError("first")' in record.cause.traceback
            assert "first" not in record.message
            assert back(record) == record
        assert record_error(raised(suppressed)).cause is None

    def test_a_cycle_ends(self) -> None:
        one, two = ValueError("one"), ValueError("two")
        one.__cause__, two.__cause__ = two, one
        record = record_error(one)
        assert record.cause is not None
        assert (record.cause.message, record.cause.cause) == ("two", None)

    def test_a_long_chain_is_cut(self) -> None:
        error = ValueError("0")
        for number in range(1, 100):
            following = ValueError(str(number))
            following.__cause__ = error
            error = following
        record: ErrorRecord | None = record_error(error)
        messages = []
        while record is not None:
            messages.append(record.message)
            record = record.cause
        assert messages == [str(99 - n) for n in range(MAX_CAUSES + 1)]

    def test_a_cause_without_truth_is_still_a_cause(self) -> None:
        class Empty(Exception):
            def __bool__(self) -> bool:
                raise RuntimeError

        error = ValueError("x")
        error.__cause__ = Empty("cause")
        record = record_error(error)
        assert record.cause is not None
        assert record.cause.message == "cause"


class TestGroups:
    def test_members_are_named_in_the_message_and_shown_in_the_traceback(self) -> None:
        async def fail(error: Exception) -> None:
            raise error

        async def body() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(ValueError("a")))
                group.create_task(fail(KeyError("b")))

        record = record_error(raised(lambda: asyncio.run(body())))
        assert record.type == "ExceptionGroup"
        assert record.message == "unhandled errors in a TaskGroup (2 sub-exceptions): ValueError: a; KeyError: 'b'"
        assert "--- sub-exception 2: KeyError: 'b'" in record.traceback
        assert record.traceback.count("in fail") == 2

    def test_nested_wide_and_deep_groups_stay_small(self) -> None:
        group: Any = ValueError("leaf")
        for _ in range(200):
            group = ExceptionGroup("g", [group] * 30)
        record = record_error(group)
        assert len(record.message) <= MAX_TEXT
        assert len(record.traceback) <= MAX_TEXT
        assert "20 more" in record.message


class TestPayload:
    def test_records_are_readable_json_and_compressed_when_large(self) -> None:
        payload = encode_error(ErrorRecord("ValueError", "boom"))
        assert (payload.encoding, msgspec.json.decode(payload.data)) == (
            "json",
            {"type": "ValueError", "message": "boom"},
        )
        assert encode_error(ErrorRecord("ValueError", "boom" * 1000)).encoding == "json+zstd"

    @given(
        st.recursive(
            st.builds(ErrorRecord, st.text(), st.text(), st.text()),
            lambda cause: st.builds(ErrorRecord, type=st.text(), cause=cause),
        )
    )
    def test_any_record_comes_back(self, record: ErrorRecord) -> None:
        assert back(record) == record

    def test_lone_surrogates_are_made_safe_at_each_level(self) -> None:
        record = back(ErrorRecord("\ud800", "\ud801", "\ud802", ErrorRecord("\ud803")))
        assert record == ErrorRecord("\\ud800", "\\ud801", "\\ud802", ErrorRecord("\\ud803"))

    def test_signed_records_that_were_altered_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DURABLE_SIGNING_KEY", "secret")
        payload = encode_error(ErrorRecord("ValueError", "boom"))
        altered = bytearray(payload.data)
        altered[random.Random(1).randrange(len(altered))] ^= 1
        assert decode_error(payload.encoding, payload.data).message == "boom"
        with pytest.raises(PayloadError, match="signature"):
            decode_error(payload.encoding, bytes(altered))

    @pytest.mark.parametrize(("encoding", "data"), [("json", b"[1]"), ("json", b"{}"), ("pickle", b"N."), (None, None)])
    def test_what_is_no_error_is_a_payload_error(self, encoding: str | None, data: bytes | None) -> None:
        with pytest.raises(PayloadError, match="durable verify"):
            decode_error(encoding, data)
