"""``durable signal``: signals are delivered to runs that have not ended."""

from __future__ import annotations

import pytest

from durable.cli import exit_codes
from tests.cli.desk import CallQueue


def test_signal_delivers(desk: CallQueue) -> None:
    done = desk("signal", "run", "paid", "--value", '{"n": 1}', "--id", "p1", "--by", "shop")
    assert done.stdout == "signal p1 was sent\n"
    assert "is driven now and continues by itself" in done.stderr
    assert desk.message() == {
        "id": "signal:p1", "kind": "signal", "name": "paid", "value": {"n": 1}, "actor": "shop", "reason": None,
    }  # fmt: skip
    again = desk("signal", "run", "paid", "--id", "p1")
    assert again.stdout == "a signal p1 was sent before; nothing was done\n"
    assert desk.run.inbox() == ["signal:p1"]


def test_signals_have_ids_of_their_own(desk: CallQueue) -> None:
    desk.run.suspend("one")
    first, second = desk.json("signal", "run", "go"), desk.json("signal", "run", "go")
    assert desk.run.inbox() == [f"signal:{first['id']}", f"signal:{second['id']}"]
    assert (first["sent"], first["resume"]) == (True, "durable resume run")


@pytest.mark.parametrize(
    "words", [["paid", "--value", "{"], ["paid", "--value", "words"], [""], ["paid", "--id", ""]], ids=" ".join
)
def test_a_wrong_signal_is_wrong_usage(desk: CallQueue, words: list[str]) -> None:
    desk("signal", "run", *words, exits=exit_codes.USAGE)
    assert desk.json("signal", "run", *words, exits=exit_codes.USAGE)["exit_code"] == exit_codes.USAGE
    assert desk.run.inbox() == []


def test_nothing_is_sent_to_a_run_that_has_ended(desk: CallQueue) -> None:
    desk.run.emit("RunCancelled")
    assert desk("signal", "run", "go", exits=exit_codes.NOTHING).stdout == "run run has already ended: cancelled\n"
    document = desk.json("signal", "run", "go", exits=exit_codes.NOTHING)
    assert (document["sent"], document["id"], document["exit_code"]) == (False, None, exit_codes.NOTHING)
    assert desk.run.inbox() == []
    desk("signal", "other", "go", exits=exit_codes.ERROR)
