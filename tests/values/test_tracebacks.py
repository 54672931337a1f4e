"""Recorded tracebacks: short, where the error is, and without the library's own frames."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from durable.core.results import ErrorRecord
from durable.errors import UpstreamUnavailable
from durable.values.failures import MAX_TEXT, decode_error, encode_error, record_error
from durable.values.payloads import encode


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


class TestTraceback:
    def test_it_shows_the_body_and_the_last_line_as_python_does(self) -> None:
        def body() -> None:
            raise ValueError("boom")

        text = record_error(raised(body)).traceback
        assert text.startswith("Traceback (most recent call last):\n")
        assert 'raise ValueError("boom")' in text
        assert text.endswith("\nValueError: boom")

    def test_it_is_empty_for_an_error_that_was_not_raised(self) -> None:
        assert record_error(ValueError("x")).traceback == ""

    def test_notes_are_shown(self) -> None:
        error = raising(ValueError("x"))
        error.add_note("see the manual")
        assert record_error(error).traceback.endswith("ValueError: x\nsee the manual")

    def test_head_frames_of_named_files_go_until_the_first_other_one(self) -> None:
        def function(name: str, file: str) -> Callable[..., Any]:
            scope: dict[str, Any] = {}
            exec(
                compile(f"def {name}(*next):\n    return next[0](*next[1:]) if next else 1 / 0\n", file, "exec"), scope
            )
            found: Callable[..., Any] = scope[name]
            return found

        drive, body, step = function("drive", "/e/drive"), function("body", "/t/body"), function("step", "/e/drive")
        record = record_error(raised(lambda: drive(drive, body, step)), skip_files=(__file__, "/e/drive"))
        assert [line.strip() for line in record.traceback.splitlines()[1:-1]] == [
            'File "/t/body", line 2, in body',
            'File "/e/drive", line 2, in step',
        ]

    def test_frames_of_durable_before_the_body_are_left_out(self) -> None:
        class Body:
            def __reduce__(self) -> Any:
                raise KeyboardInterrupt

        def drive() -> None:
            encode(Body())

        error = raised(drive)
        assert "payloads.py" in "".join(traceback.format_tb(error.__traceback__))
        text = record_error(error, skip_files=(__file__,)).traceback
        assert "in __reduce__" in text or "cloudpickle" in text
        assert "durable/values/payloads.py" not in text

    def test_an_error_of_durable_itself_shows_no_frames_but_a_bug_in_it_does(self) -> None:
        assert record_error(raising(UpstreamUnavailable("gone")), skip_files=(__file__,)).traceback == ""
        assert "raise error" in record_error(raising(TypeError("bug")), skip_files=(__file__,)).traceback

    def test_thousands_of_frames_are_cut_to_the_first_and_the_last(self) -> None:
        def first(depth: int) -> None:
            last() if depth == 0 else first(depth - 1)

        def last() -> None:
            raise ValueError("deep")

        text = record_error(raised(lambda: first(500))).traceback
        assert len(text) <= MAX_TEXT
        assert "in first" in text
        assert "in last" in text
        assert "frames left out" in text

    def test_a_recursion_error_is_recorded(self) -> None:
        def endless() -> None:
            endless()

        record = record_error(raised(endless))
        assert record.type == "RecursionError"
        assert len(record.traceback) <= MAX_TEXT
        assert back(record) == record
