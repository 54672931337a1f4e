"""``durable waiting``: what runs wait for, by the log and the inbox alone."""

from __future__ import annotations

from durable.cli import exit_codes
from tests.cli.desk import CallQueue
from tests.cli.place import Here


def test_waiting_where_nothing_has_run(here: Here) -> None:
    assert "nothing has run here" in here("waiting").output
    assert here.json("waiting") == []
    here("waiting", "x", exits=exit_codes.ERROR)


def test_waiting_lists_questions(desk: CallQueue) -> None:
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


def test_waiting_tells_what_was_answered(desk: CallQueue) -> None:
    desk.ask("sure")
    desk("answer", "run", "--approve")
    shown = desk("waiting")
    assert "answered; approval: May I?" in shown.stdout
    assert "durable answer" not in shown.stderr
    assert desk.json("waiting")[0]["answered"] is True


def test_waiting_lists_signals_and_sleeps(desk: CallQueue) -> None:
    desk.run.emit("SignalAwaited", "one", 1, mark="0", name="paid")
    desk.run.emit("TimerStarted", "one", 1, mark="1", due=desk.store.clock.now() + 10_000_000)
    lines = desk("waiting").stdout.splitlines()[1:]
    assert ["a signal" in lines[0], "paid" in lines[0], "a sleep" in lines[1]] == [True] * 3
    assert [(item["kind"], item["name"], item["due"] is None) for item in desk.json("waiting")] == [
        ("signal", "paid", True),
        ("sleep", "", False),
    ]


def test_waiting_says_when_nothing_waits(desk: CallQueue) -> None:
    assert "nothing waits" in desk("waiting").stderr
    assert "run run waits for nothing" in desk("waiting", "run").stderr
    desk("waiting", "other", exits=exit_codes.ERROR)


def test_waiting_and_answering_import_and_unpickle_nothing(desk: CallQueue) -> None:
    desk.ask("sure")
    for words in (["waiting"], ["answer", "run", "--approve"]):
        out, _ = desk.real(*words)
        assert out
