"""What the lists must say, in words: they were generated, and these statements were written by hand.

test_golden.py holds that the stores say what the lists say; here the lists are held to what durable promises.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import durable
from durable import open_run
from tests.golden.golden import BY_NAME, SCRIPT, STORES
from tests.golden.reading import opened

LISTS = {golden.name: golden.list()["runs"] for golden in STORES}


def went_on(store: str, run_id: str) -> tuple[Any, ...]:
    """Return status, result and begun bodies of a run that was resumed."""
    end = LISTS[store][run_id]["resumed"]
    return end["status"], end["result"], end["bodies"]


def test_a_killed_chain_does_nothing_twice() -> None:
    assert LISTS["chains"]["killed"]["status"] == "interrupted"
    assert went_on("chains", "killed") == ("succeeded", "'BEGUN AND DIED 2 TIMES'", ["die", "last"])
    assert went_on("chains", "interrupted") == ("succeeded", "'BEGUN AND DIED 1 TIMES'", ["last"])


def test_a_failed_chain_is_opened_again_and_only_the_failed_task_runs() -> None:
    assert "LookupError: no room" in LISTS["chains"]["failed"]["result"]
    assert went_on("chains", "failed") == ("succeeded", "'36 rows'", ["report"])


def test_ended_runs_do_not_go_on_and_a_sent_cancel_is_taken_first() -> None:
    ended = ("succeeded", "cancelled-inside", "cancelled-fork", "terminated-inside", "terminated-outside", "pruned")
    assert not [run_id for run_id in ended if "resumed" in LISTS["chains"][run_id]]
    assert went_on("chains", "cancel-sent")[0] == "cancelled"
    assert went_on("chains", "cancel-sent")[2] == []


def test_each_policy_has_judged() -> None:
    """Of three members none, or the first two, failed."""
    verdicts = {name: LISTS["groups"][f"{name}-2"]["status"] for name in BY_NAME["groups"].module.POLICIES}
    assert [name for name, status in verdicts.items() if status == "succeeded"] == ["best_effort"]
    assert len(verdicts) == 10
    assert all(LISTS["groups"][f"{name}-0"]["status"] == "succeeded" for name in verdicts)
    assert all(went_on("groups", f"{name}-2")[2] == ["a", "after", "b"] for name in verdicts if name != "best_effort")


def test_a_nested_group_keeps_its_verdict_and_runs_the_member_that_is_missing() -> None:
    assert went_on("groups", "nested-killed") == ("succeeded", "['inner', 'two']", ["chord_end", "two"])


def test_a_map_runs_the_members_that_failed_or_are_missing() -> None:
    assert went_on("maps", "failed") == ("succeeded", "7", ["doc5", "total"])
    assert went_on("maps", "budget") == ("succeeded", "7", ["doc5", "doc6", "doc7", "total"])
    assert [one for one in went_on("maps", "killed")[2] if one in ("discover", "square 0", "square 1")] == []
    assert went_on("sizes", "long-killed") == ("succeeded", "'after'", ["after", *["nothing"] * 4])


def test_what_was_scheduled_before_a_kill_is_there_and_iterations_go_on() -> None:
    status, _, bodies = went_on("growing", "scheduled-killed")
    assert (status, "plan" in bodies, "resize deadly 1" in bodies) == ("succeeded", False, True)
    assert went_on("growing", "iterated-killed")[2] == ["improve[3]", "improve[4]", "improve[5]", "show"]


def test_recorded_steps_items_and_states_are_not_done_again() -> None:
    assert went_on("calls", "steps-killed")[2] == ["order", "pair 5"]
    assert went_on("calls", "loop-killed")[2] == ["charge r4", "extra", "r3", "r4", "rows", "second 0", "second 1"]
    assert went_on("calls", "training-killed")[2] == ["epoch 5", "epoch 6", "train"]
    assert went_on("calls", "coroutine-killed")[2] == ["awaited", "b"]
    assert LISTS["calls"]["loop-killed"]["resumed"]["channel"]["sum"] == "10"


def test_waits_are_over_when_something_has_come_or_their_time_has() -> None:
    assert went_on("waits", "sleeping") == ("succeeded", "'second'", ["mail second", "remind"])
    assert went_on("waits", "signal-kept")[1] == "{'street': 'Main', 'numbers': (1, 2)}"
    assert LISTS["waits"]["timed-out"]["result"] == "'SignalTimedOut'"
    assert went_on("waits", "expired")[1] == "[True, None, True]"
    assert sorted(LISTS["waits"]["half-answered"]["questions"]) == ["q-custom", "q-multi_selection"]
    assert "'uli', 'kept, not taken'" in went_on("waits", "half-answered")[1]


def test_class_definitions_wait_for_forms_and_go_on_in_their_round() -> None:
    assert went_on("classes", "waiting") == ("succeeded", "'shipped for 500'", ["ship"])
    assert went_on("classes", "second-round") == ("succeeded", "'published after 2 reviews: right'", ["publish"])
    assert LISTS["classes"]["refused"]["result"] == "'refused: too dear'"


def test_retries_keep_their_count_and_a_poisoned_task_gets_another_chance() -> None:
    assert went_on("retries", "killed")[1] == "'attempt 3'"
    assert went_on("retries", "killed-waiting")[2] == ["kills", "patient 2"]
    assert "PoisonTask" in LISTS["retries"]["poison"]["result"]
    assert went_on("retries", "poison")[0] == "succeeded"


def test_rendered_prompts_are_recorded() -> None:
    rendered = [line for line in LISTS["prompting"]["failed"]["log"] if " PromptRendered " in line]
    assert [line.split(" digest=")[0].split(" ", 1)[1] for line in rendered] == [
        "PromptRendered trial #1 prompt='greet' label='trial' version='2'",
        "PromptRendered production #1 prompt='greet' label='production' version='1'",
        "PromptRendered render #1 prompt='greet' label='trial' version='2'",
        "PromptRendered fails #1 prompt='greet' label='production' version='1'",
        "PromptRendered fails #2 prompt='greet' label='production' version='1'",
    ]


def test_what_durable_offered_is_what_it_offers_now(tmp_path: Path) -> None:
    """A class of durable's in an old value is the very class that ``import durable`` gives, wherever it is now."""
    golden = BY_NAME["own"]
    with opened(golden.copy(tmp_path), LISTS["own"]["references"]["at"]) as store:
        offered = open_run("references", store).results["public"]
    assert len(offered) > 100
    assert [name for name, one in offered.items() if one is not getattr(durable, name)] == []


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="code by value is for the Python that wrote it")
def test_recorded_code_can_still_be_called(tmp_path: Path) -> None:
    """Closures that refer to durable's modules, classes and functions."""
    golden = BY_NAME["by_value"]
    with opened(golden.copy(tmp_path), LISTS["by_value"]["done"]["at"]) as store:
        functions = open_run("done", store).results["functions"]
    assert functions["lambda"](1) == 2
    assert functions["closure"](None) == ("MapValues", "RetryPolicy", "pickle")
    assert isinstance(functions["error"], durable.DurableError)
    assert functions["task"].fn(4) == 5


def test_the_stores_have_an_event_of_each_type_and_a_value_of_each_kind(tmp_path: Path) -> None:
    """So that a change of how any of them is read is noticed here."""
    types, kinds, written = set[str](), set[str](), set[str]()
    for golden in [*STORES, SCRIPT]:
        with opened(golden.copy(tmp_path), 1_800_000_000_000_000) as store:
            for info in store.runs():
                for event in store.read(info.run_id) if info.pruned is None else ():
                    types.add(event.type)
                    kinds.add((event.encoding or "none").partition(":")[0])
                written |= {f"message: {message.kind}" for message in store.inbox(info.run_id)}
                written |= {"pruned run"} if info.pruned is not None else set()
                written |= {"checkpoint" for one in store.checkpoints(info.run_id) if one.seq < info.seq}
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "events.md").read_text()
    documented = {line.removeprefix("### ") for line in reference.splitlines() if line.startswith("### ")}
    assert documented - types == NEWER
    plain = {"json", "json+zstd", "pickle", "pickle+zstd"}
    assert kinds == {"none", *plain, *(f"{kind}+hmac" for kind in plain)}
    assert written == {"message: signal", "message: answer", "message: cancel", "pruned run", "checkpoint"}


def test_values_stand_in_a_dictionary_and_in_a_blob_that_two_events_share(tmp_path: Path) -> None:
    BY_NAME["sizes"].copy(tmp_path)
    with closing(sqlite3.connect(tmp_path / "sizes.db")) as database:
        by_dictionary = database.execute("SELECT count(*) FROM events WHERE dictionary IS NOT NULL").fetchone()
        uses = database.execute("SELECT max(events) FROM blob_uses").fetchone()
    assert (by_dictionary, uses) == ((20,), (2,))


NEWER: set[str] = set()
"""Types of event that came later: whoever adds one adds a golden store, or names it here."""
