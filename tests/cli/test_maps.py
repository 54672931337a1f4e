"""Maps on the command line: a line each, the members that matter, items, and results that are not read whole."""

from __future__ import annotations

import json

import pytest

from durable.cli.results import MOST
from tests.cli.place import Here

FLOW = """
    import os
    from durable import BestEffortGroupPolicy, task, workflow

    def documents():
        for number in range(int(os.environ.get("DOCUMENTS", "60"))):
            yield {"name": f"doc{number}", "size": number}

    @task
    def measure(document):
        if document["size"] % 30 == 7:
            raise ValueError("unreadable " + document["name"])
        return document["size"] * 2

    @task
    def total(sizes):
        return sum(size for _, size in sizes.iter())

    with workflow("sizes") as wf:
        sizes = measure.map(documents, key=lambda document: document["name"], name="sizes")
        sizes.with_execution(policy=BestEffortGroupPolicy()) >> total

    with workflow("last") as last:
        last.add(measure.map(documents, key=lambda document: document["name"], name="sizes").with_execution(
            policy=BestEffortGroupPolicy(), backend="direct"))

    with workflow("strict") as strict:
        strict.add(measure.map(documents, key=lambda document: document["name"], name="sizes"))
"""

BUDGET = """
    from durable import MaxFailuresPolicy

    with workflow("budget") as budget:
        budget.add(measure.map(list(documents()), key=lambda document: document["name"], name="sizes").with_execution(
            policy=MaxFailuresPolicy(max_failures=1), backend="direct"))
"""


@pytest.fixture
def maps(here: Here) -> Here:
    here.write("maps.py", FLOW)
    return here


def test_show_has_a_line_for_the_map_and_for_members_that_failed(maps: Here) -> None:
    """The others are only counted."""
    maps("run", "maps.py:wf", "--run-id", "m")
    said = maps("show", "m").stdout
    assert "best_effort: 60 members: 58 succeeded, 2 failed" in said
    assert [word for line in said.splitlines() for word in line.split()[:1] if word.startswith("sizes/")] == [
        "sizes/doc7",
        "sizes/doc37",
    ]
    document = maps.json("show", "m")
    assert document["groups"][0]["counts"] == {"succeeded": 58, "failed": 2}
    assert [task["id"] for task in document["tasks"]] == ["sizes/doc7", "sizes/doc37", "total"]


def test_show_by_status_lists_members_up_to_the_limit(maps: Here) -> None:
    """And says how many there are; 0 lists all of them."""
    maps("run", "maps.py:wf", "--run-id", "m")
    few = maps("show", "m", "--status", "succeeded", "--limit", "5")
    assert sum(line.startswith("sizes/") for line in few.stdout.splitlines()) == 5
    assert "5 of 58 succeeded members of sizes are shown" in few.stderr
    everything = maps("show", "m", "--status", "succeeded", "--limit", "0").stdout
    assert sum(line.startswith("sizes/") for line in everything.splitlines()) == 58


def test_show_of_a_member_has_its_item_and_its_value(maps: Here) -> None:
    """By its id, or by its key where only one map has it; a failed one with its traceback."""
    maps("run", "maps.py:wf", "--run-id", "m")
    for name in ("sizes/doc9", "doc9"):
        document = maps.json("show", "m", name)
        assert (document["id"], document["item"], document["preview"]) == (
            "sizes/doc9",
            '{"name":"doc9","size":9}',
            "18",
        )
    failed = maps("show", "m", "sizes/doc7").stdout
    assert "item:      " in failed
    assert "ValueError: unreadable doc7" in failed
    assert "Traceback" in failed
    assert "58 succeeded, 2 failed" in maps("show", "m", "sizes").stdout


def test_the_log_names_a_window_by_its_first_and_last_key(maps: Here) -> None:
    """In a line that fits; --json has all keys."""
    maps("run", "maps.py:wf", "--run-id", "m")
    lines = maps("log", "m", "--type", "MembersAdded").stdout.splitlines()
    assert "16 members, keys doc0…doc15, " in lines[0]
    assert lines[-1].endswith("the last")
    window = json.loads(maps("log", "m", "--type", "MembersAdded", "--json").stdout.splitlines()[0])
    assert window["fields"]["keys"] == [f"doc{number}" for number in range(16)]


def test_the_result_of_a_map_is_shown_by_its_first_values(maps: Here) -> None:
    """--json has all of them, as long as they are not too many."""
    said = maps("run", "maps.py:last", "--run-id", "m").stdout
    assert "result: 58 values: doc0: 0, doc1: 2, doc2: 4, doc3: 6, doc4: 8, …" in said
    document = maps.json("run", "maps.py:last", "--run-id", "m")
    assert document["result"] == {f"doc{n}": 2 * n for n in range(60) if n % 30 != 7}


def test_a_result_of_very_many_values_is_not_put_into_a_document(maps: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many there are, and how to read them."""
    monkeypatch.setattr("durable.cli.results.MOST", 50)
    document = maps.json("run", "maps.py:last", "--run-id", "m")
    assert MOST >= 1000
    assert document["result"] is None
    assert document["preview"].startswith("58 values: doc0: 0")
    assert "58 values; a document holds 50" in document["left_out"]


def test_a_failed_map_names_each_member_once(maps: Here) -> None:
    """Under the group that they failed."""
    said = maps("run", "maps.py:strict", "--run-id", "m", exits=1)
    assert said.stderr.count("    doc37: ValueError: unreadable doc37") == 1
    assert "sizes/doc37" not in said.stderr
    assert "more" not in said.stderr
    document = maps.json("resume", "m", exits=1)
    assert document["failures_in_all"] == 3


def test_the_plan_of_a_failed_map_counts_its_members(maps: Here) -> None:
    """And names those that run again."""
    maps("run", "maps.py:strict", "--run-id", "m", exits=1)
    document = maps.json("plan", "m")
    assert document["counts"] == {"reuse": 58, "run": 2, "blocked": 0, "orphaned": 0}
    assert [item["id"] for item in document["items"]] == ["sizes", "sizes/doc7", "sizes/doc37"]
    maps.write("maps.py", FLOW.replace("* 2", "* 3"))
    assert "sizes: code of its members changed" in maps("plan", "m").stdout


def test_a_map_over_its_budget_says_how_many_failed_and_how_many_had_not_ended(maps: Here) -> None:
    """The latter are not among the failures that it counts."""
    maps.write("maps.py", FLOW + BUDGET)
    said = maps("run", "maps.py:budget", "--run-id", "m", exits=1).stderr
    assert "2 of 60 members failed, 1 are allowed; 22 had not ended" in said
