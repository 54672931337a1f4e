"""Waiting, answering and signalling from the command line, by the log and the inbox alone."""

from __future__ import annotations

import getpass
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from durable import Store, open_store
from durable.cli import exit_codes
from durable.engine.messages import body_of
from tests.cli.place import Here, wait_for
from tests.human.asked import Asked


class Desk(Here):
    """The folder with a store in it, and a suspended run that asks."""

    store: Store
    run: Asked

    def message(self) -> dict[str, Any]:
        """Return what the only message of the inbox says."""
        (message,) = self.store.inbox("run")
        body = body_of(message)
        value = None if body.data is None else json.loads(body.data)
        return {"id": message.id, "kind": message.kind, "name": body.name, "value": value,
                "actor": body.actor, "reason": body.reason}  # fmt: skip

    def ask(self, id: str, kind: str = "approval", **options: Any) -> None:
        """Let the run ask something, and be suspended."""
        self.run.ask("one", id, kind, **options)
        self.run.suspend("one")


@pytest.fixture
def desk(here: Here) -> Iterator[Desk]:
    """A run in .durable/runs.db that has begun a task."""
    made = Desk(here.path)
    with open_store() as made.store:
        made.run = Asked(made.store, "one")
        yield made


# waiting


def test_waiting_where_nothing_has_run(here: Here) -> None:
    assert "nothing has run here" in here("waiting").output
    assert here.json("waiting") == []
    here("waiting", "x", exits=exit_codes.ERROR)


def test_waiting_lists_questions(desk: Desk) -> None:
    desk.ask("colour", "selection", message="Which\ncolour?", title="Paint", options=["red", "blue"], expires_in=1e6)
    out = desk("waiting").stdout
    head, line = out.splitlines()
    assert head.split("  ")[0] == "run"
    assert "one" in line
    assert "an answer" in line
    assert line.endswith(r"selection: Paint: Which\ncolour? (1 red, 2 blue)")
    assert "durable answer RUN NAME" in desk("waiting", "run").stderr
    (item,) = desk.json("waiting", "run")
    assert item["expires"] == item["due"]
    assert item["asked"] == item["since"]
    del item["expires"], item["due"], item["asked"], item["since"]
    assert item == {
        "run_id": "run", "task_id": "one", "kind": "feedback", "name": "colour", "request_id": "colour",
        "type": "selection", "message": "Which\ncolour?", "title": "Paint", "options": ["red", "blue"],
        "form_schema": None, "answered": False, "expired": False,
    }  # fmt: skip


def test_waiting_tells_what_was_answered(desk: Desk) -> None:
    desk.ask("sure")
    desk("answer", "run", "--approve")
    shown = desk("waiting")
    assert "answered; approval: May I?" in shown.stdout
    assert "durable answer" not in shown.stderr
    assert desk.json("waiting")[0]["answered"] is True


def test_waiting_lists_signals_and_sleeps(desk: Desk) -> None:
    desk.run.emit("SignalAwaited", "one", 1, mark="0", name="paid")
    desk.run.emit("TimerStarted", "one", 1, mark="1", due=desk.store.clock.now() + 10_000_000)
    lines = desk("waiting").stdout.splitlines()[1:]
    assert ["a signal" in lines[0], "paid" in lines[0], "a sleep" in lines[1]] == [True] * 3
    assert [(item["kind"], item["name"], item["due"] is None) for item in desk.json("waiting")] == [
        ("signal", "paid", True),
        ("sleep", "", False),
    ]


def test_waiting_says_when_nothing_waits(desk: Desk) -> None:
    assert "nothing waits" in desk("waiting").stderr
    assert "run run waits for nothing" in desk("waiting", "run").stderr
    desk("waiting", "other", exits=exit_codes.ERROR)


def test_waiting_and_answering_import_and_unpickle_nothing(desk: Desk) -> None:
    desk.ask("sure")
    for words in (["waiting"], ["answer", "run", "--approve"]):
        out, _ = desk.real(*words)
        assert out


# answer


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
def test_answer_delivers(desk: Desk, kind: str, words: list[str], value: Any) -> None:
    desk.ask("q", kind, options=["red", "blue"] if "selection" in kind else None)
    done = desk("answer", "run", "q", *words, "--by", "eva", "--reason", "because")
    assert done.stdout == "answered q\n"
    assert done.stderr == "go on with: durable resume run\n"
    assert desk.message() == {
        "id": "answer:q", "kind": "answer", "name": "q", "value": value, "actor": "eva", "reason": "because",
    }  # fmt: skip


def test_answer_needs_no_request_id_when_one_is_open(desk: Desk) -> None:
    desk.ask("q")
    assert desk.json("answer", "run", "--approve") == {
        "run_id": "run", "request_id": "q", "sent": True, "driven": False, "resume": "durable resume run",
        "exit_code": 0,
    }  # fmt: skip
    assert desk.message()["actor"] == getpass.getuser()


def test_answer_says_that_a_driver_goes_on_by_itself(desk: Desk) -> None:
    desk.run.ask("one", "q")  # the lease is held
    assert "is driven now and goes on by itself" in desk("answer", "run", "--approve").stderr
    assert desk.json("answer", "run", "--approve")["resume"] is None


def test_the_same_answer_again_is_no_error(desk: Desk) -> None:
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
def test_a_wrong_answer_is_wrong_usage(desk: Desk, words: list[str], said: str) -> None:
    desk.ask("q")
    shown = " ".join(desk("answer", "run", *words, exits=exit_codes.USAGE).stderr.split())
    assert said in shown
    document = desk.json("answer", "run", *words, exits=exit_codes.USAGE)
    assert document["exit_code"] == exit_codes.USAGE
    assert desk.run.inbox() == []


def test_an_unknown_question_or_run_is_an_error(desk: Desk) -> None:
    desk.ask("q")
    assert "Open are: 'q'" in desk("answer", "run", "x", "--approve", exits=exit_codes.ERROR).stderr
    desk("answer", "other", "--approve", exits=exit_codes.ERROR)


def test_answer_asks_on_a_terminal_until_it_fits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
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
    desk: Desk, monkeypatch: pytest.MonkeyPatch, kind: str, typed: str, value: Any
) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    desk.ask("q", kind, options=["a", "b"] if kind == "multi_selection" else None)
    desk("answer", "run", input=typed)
    assert desk.message()["value"] == value


def test_answer_asks_for_the_fields_of_a_form(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    fields = {"who": {"type": "string", "title": "Name"}, "n": {"type": "integer"}, "note": {"type": "string"}}
    desk.ask("form", "custom", form_schema={"properties": fields, "required": ["who", "n"]})
    done = desk("answer", "run", input="7\nx\n\n7\n3\n\n")
    assert "Name (required)" in done.stderr
    assert "Refused: the answer does not fit the form: n: 'x' is not of type 'integer'" in done.stderr
    assert desk.message()["value"] == {"who": "7", "n": 3}


def test_answer_does_not_ask_in_vain(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    desk.ask("q")
    desk("answer", "run", "--approve")
    assert "was answered already" in desk("answer", "run", "q", input="n\n", exits=exit_codes.ERROR).stderr


def test_leaving_the_prompt_answers_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable.cli.answer_prompt.can_ask", lambda: True)
    desk.ask("q")
    desk("answer", "run", input="", exits=exit_codes.SIGINT)
    assert desk.run.inbox() == []


def test_answer_asks_on_a_real_terminal(desk: Desk) -> None:
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


# signal


def test_signal_delivers(desk: Desk) -> None:
    done = desk("signal", "run", "paid", "--value", '{"n": 1}', "--id", "p1", "--by", "shop")
    assert done.stdout == "signal p1 was sent\n"
    assert "is driven now and goes on by itself" in done.stderr
    assert desk.message() == {
        "id": "signal:p1", "kind": "signal", "name": "paid", "value": {"n": 1}, "actor": "shop", "reason": None,
    }  # fmt: skip
    again = desk("signal", "run", "paid", "--id", "p1")
    assert again.stdout == "a signal p1 was sent before; nothing was done\n"
    assert desk.run.inbox() == ["signal:p1"]


def test_signals_have_ids_of_their_own(desk: Desk) -> None:
    desk.run.suspend("one")
    first, second = desk.json("signal", "run", "go"), desk.json("signal", "run", "go")
    assert desk.run.inbox() == [f"signal:{first['id']}", f"signal:{second['id']}"]
    assert (first["sent"], first["resume"]) == (True, "durable resume run")


@pytest.mark.parametrize(
    "words", [["paid", "--value", "{"], ["paid", "--value", "words"], [""], ["paid", "--id", ""]], ids=" ".join
)
def test_a_wrong_signal_is_wrong_usage(desk: Desk, words: list[str]) -> None:
    desk("signal", "run", *words, exits=exit_codes.USAGE)
    assert desk.json("signal", "run", *words, exits=exit_codes.USAGE)["exit_code"] == exit_codes.USAGE
    assert desk.run.inbox() == []


def test_nothing_is_sent_to_a_run_that_has_ended(desk: Desk) -> None:
    desk.run.emit("RunCancelled")
    assert desk("signal", "run", "go", exits=exit_codes.NOTHING).stdout == "run run has already ended: cancelled\n"
    document = desk.json("signal", "run", "go", exits=exit_codes.NOTHING)
    assert (document["sent"], document["id"], document["exit_code"]) == (False, None, exit_codes.NOTHING)
    assert desk.run.inbox() == []
    desk("signal", "other", "go", exits=exit_codes.ERROR)


# Whole runs

ASKING = """
    from durable import TaskExecutionContext, task, workflow

    @task
    def ask(ctx: TaskExecutionContext):
        with open("bodies.txt", "a") as file:
            file.write("ask\\n")
        answer = ctx.request_feedback("Deploy?", request_id="deploy", timeout=TIMEOUT)
        return f"{answer.approved} by {answer.by}"

    with workflow("asking") as wf:
        wf.add(ask)
"""


def test_a_run_is_suspended_answered_and_resumed(here: Here) -> None:
    here.write("ask.py", ASKING.replace("TIMEOUT", "0"))
    with here.spawn("run", "ask.py", "--run-id", "x") as process:
        process.communicate(timeout=50)
    assert here.runs()[0]["status"] == "suspended"
    assert [item["name"] for item in here.json("waiting")] == ["deploy"]
    here.real("answer", "x", "--approve", "--by", "eva")
    assert "True by eva" in here.real("resume", "x")[0]
    assert here.types("x").count("FeedbackRequested") == 1


def test_a_run_that_was_killed_while_it_asked_does_not_ask_again(here: Here) -> None:
    here.write("ask.py", ASKING.replace("TIMEOUT", "40"))
    with here.spawn("run", "ask.py", "--run-id", "x") as process:
        wait_for(lambda: (here.path / ".durable" / "runs.db").exists() and here.json("waiting"))
        process.kill()
        process.communicate(timeout=50)
    assert here.runs()[0]["status"] == "interrupted"
    assert "go on with: durable resume x" in here("answer", "x", "--reject", "--by", "eva").stderr
    assert "False by eva" in here.real("resume", "x")[0]
    assert here.types("x").count("FeedbackRequested") == 1
    assert (here.path / "bodies.txt").read_text() == "ask\nask\n"


def test_an_answer_reaches_a_run_that_is_driven(here: Here) -> None:
    here.write("ask.py", ASKING.replace("TIMEOUT", "40"))
    with here.spawn("run", "ask.py", "--run-id", "x") as process:
        wait_for(lambda: (here.path / ".durable" / "runs.db").exists() and here.json("waiting"))
        assert "is driven now" in here("answer", "x", "--value", "yes", "--by", "eva").stderr
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "True by eva" in out
    assert "RunSuspended" not in here.types("x")
