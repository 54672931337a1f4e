"""``durable answer``: answers are delivered, asked for on a terminal, and refused when they do not fit."""

from __future__ import annotations

import getpass
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from durable.cli import exit_codes
from tests.cli.desk import CallQueue


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("approval", ["--approve"], True),
        ("approval", ["--reject"], False),
        ("approval", ["--value", "no"], False),
        ("text", ["--value", "yes, 12"], "yes, 12"),
        ("selection", ["--value", "2"], "blue"),
        ("multi_selection", ["--value", "blue,red"], ["red", "blue"]),
        ("multi_selection", ["--json-value", '["blue"]'], ["blue"]),
        ("custom", ["--json-value", '{"a": [1]}'], {"a": [1]}),
        ("custom", ["--json-value", "null"], None),
        ("custom", ["--value", "null"], "null"),
        ("custom", ["--approve"], True),
    ],
)
def test_answer_delivers(desk: CallQueue, kind: str, words: list[str], value: Any) -> None:
    desk.ask("q", kind, options=["red", "blue"] if "selection" in kind else None)
    done = desk("answer", "run", "q", *words, "--by", "eva", "--reason", "because")
    assert done.stdout == "answered q\n"
    assert done.stderr == "resume with: durable resume run\n"
    assert desk.message() == {
        "id": "answer:q", "kind": "answer", "name": "q", "value": value, "actor": "eva", "reason": "because",
    }  # fmt: skip


def test_answer_needs_no_request_id_when_one_is_open(desk: CallQueue) -> None:
    desk.ask("q")
    assert desk.json("answer", "run", "--approve") == {
        "run_id": "run", "request_id": "q", "sent": True, "driven": False, "resume": "durable resume run",
        "exit_code": 0,
    }  # fmt: skip
    assert desk.message()["actor"] == getpass.getuser()


def test_answer_says_that_a_driver_goes_on_by_itself(desk: CallQueue) -> None:
    desk.run.ask("one", "q")  # the lease is held
    assert "is driven now and continues by itself" in desk("answer", "run", "--approve").stderr
    assert desk.json("answer", "run", "--approve")["resume"] is None


def test_the_same_answer_again_is_no_error(desk: CallQueue) -> None:
    desk.ask("q")
    desk("answer", "run", "--approve")
    assert desk("answer", "run", "q", "--approve").stdout == "q had the same answer before; nothing was done\n"
    error = desk.json("answer", "run", "q", "--reject", exits=exit_codes.ERROR)["error"]
    assert error["type"] == "FeedbackRefused"
    assert "answered true at" in error["message"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--value", "maybe"], "must be yes or no, not 'maybe'"),
        (["--json-value", "{"], "is not JSON"),
        (["--json-value", "'x'"], "is not JSON"),
        (["--approve", "--value", "x"], "Give one answer"),
        (["--value", "x", "--json-value", "1"], "Give one answer"),
        ([], "there is no terminal to ask on"),
    ],
)
def test_a_wrong_answer_is_wrong_usage(desk: CallQueue, words: list[str], said: str) -> None:
    desk.ask("q")
    shown = " ".join(desk("answer", "run", *words, exits=exit_codes.USAGE).stderr.split())
    assert said in shown
    document = desk.json("answer", "run", *words, exits=exit_codes.USAGE)
    assert document["exit_code"] == exit_codes.USAGE
    assert desk.run.inbox() == []


def test_an_unknown_question_or_run_is_an_error(desk: CallQueue) -> None:
    desk.ask("q")
    assert "Open are: 'q'" in desk("answer", "run", "x", "--approve", exits=exit_codes.ERROR).stderr
    desk("answer", "other", "--approve", exits=exit_codes.ERROR)


def test_answer_asks_on_a_terminal_until_it_fits(desk: CallQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    desk.ask("colour", "selection", title="Paint", message="Which?", options=["red", "blue"])
    done = desk("answer", "run", input="green\n\n2\n")
    assert done.stdout == "answered colour\n"
    for text in ("Paint", "Which?", "1  red", "2  blue", "Refused: 'green' is not one of the options"):
        assert text in done.stderr
    assert desk.message()["value"] == "blue"


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [("approval", "maybe\ny\n", True), ("text", "\nhello\n", "hello"), ("multi_selection", "1,2\n", ["a", "b"]),
     ("custom", '{"a": 1}\n', {"a": 1}), ("custom", "words\n", "words")],
)  # fmt: skip
def test_answer_asks_for_each_type(
    desk: CallQueue, monkeypatch: pytest.MonkeyPatch, kind: str, typed: str, value: Any
) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    desk.ask("q", kind, options=["a", "b"] if kind == "multi_selection" else None)
    desk("answer", "run", input=typed)
    assert desk.message()["value"] == value


def test_answer_asks_for_the_fields_of_a_form(desk: CallQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    fields = {"who": {"type": "string", "title": "Name"}, "n": {"type": "integer"}, "note": {"type": "string"}}
    desk.ask("form", "custom", form_schema={"properties": fields, "required": ["who", "n"]})
    done = desk("answer", "run", input="7\nx\n\n7\n3\n\n")
    assert "Name (required)" in done.stderr
    assert "Refused: the answer does not fit the form: n: 'x' is not of type 'integer'" in done.stderr
    assert desk.message()["value"] == {"who": "7", "n": 3}


def test_answer_does_not_ask_in_vain(desk: CallQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    desk.ask("q")
    desk("answer", "run", "--approve")
    assert "was answered already" in desk("answer", "run", "q", input="n\n", exits=exit_codes.ERROR).stderr


def test_leaving_the_prompt_answers_nothing(desk: CallQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    desk.ask("q")
    desk("answer", "run", input="", exits=exit_codes.SIGINT)
    assert desk.run.inbox() == []


def test_answer_asks_on_a_real_terminal(desk: CallQueue) -> None:
    desk.ask("q", message="Deploy?")
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard, os.fdopen(theirs, "rb") as terminal:
        with desk.spawn("answer", "run", stdin=terminal) as process:
            out, err = process.communicate(timeout=50)
        assert (process.returncode, out) == (exit_codes.USAGE, "")  # stderr is none, so nobody would see the question
        assert "no terminal to ask on" in " ".join(err.split())
        command = [sys.executable, "-m", "durable", "answer", "run"]
        with subprocess.Popen(command, cwd=desk.path, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal) as child:
            keyboard.write(b"maybe\nyes\n")
            answered, _ = child.communicate(timeout=50)
        assert (child.returncode, answered) == (0, b"answered q\n")
        shown = os.read(keyboard.fileno(), 10_000)
    assert b"Deploy?" in shown
    assert b"must be yes or no, not 'maybe'" in shown
    assert desk.message()["value"] is True
