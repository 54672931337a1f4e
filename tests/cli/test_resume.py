"""durable resume: one run by name, or everything that was interrupted."""

from __future__ import annotations

import getpass

import pytest

from durable import open_store
from durable.cli import exit_codes
from tests.cli.place import FLOW, GROUP, Here


def test_a_failed_run_is_opened_again(flow: Here) -> None:
    flow.write("fail", "")
    flow("run", "flow.py", "--run-id", "x", exits=1)
    (flow.path / "fail").unlink()
    out = flow("resume", "x", "--reason", "it is repaired").stdout
    assert out.startswith("resuming run x, failed ")
    assert out.endswith("result: {3}\n")
    resumed = next(event for event in flow.events("x") if event["type"] == "RunResumed")
    assert resumed["fields"] == {"actor": getpass.getuser(), "reason": "it is repaired"}


@pytest.mark.parametrize("policy", ["best_effort", '{"type": "at_least_n", "min_success": 1}'])
def test_a_group_is_judged_again_by_another_policy(here: Here, policy: str) -> None:
    here.write("grouped.py", GROUP)
    here("run", "grouped.py", "--run-id", "x", exits=1)
    document = here.json("resume", "x", "--policy", policy, "--actor", "ann")
    assert (document["status"], document["result"]) == ("succeeded", "done")
    assert here.types("x").count("TaskStarted") == 3


def test_an_unknown_policy_is_wrong_usage(here: Here) -> None:
    here.write("grouped.py", GROUP)
    here("run", "grouped.py", "--run-id", "x", exits=1)
    here("resume", "x", "--policy", "nonesuch", exits=exit_codes.USAGE)


def test_a_run_that_has_ended(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "x")
    assert "has already succeeded" in flow("resume", "x").stdout
    flow.interrupted("--run-id", "y")
    flow("cancel", "y", "--actor", "ann", "--reason", "enough")
    assert "cancelled by ann: enough" in flow("resume", "y", exits=exit_codes.FAILED).stderr


def test_all_interrupted_runs_the_oldest_first(flow: Here) -> None:
    for name in ("a", "b"):
        flow.interrupted("--run-id", name)
    flow.write("fail", "")
    flow("run", "flow.py", "--new", exits=1)  # a failed one is left alone
    (flow.path / "fail").unlink()
    out = flow("resume").stdout
    assert [line.split(",")[0] for line in out.splitlines() if "resuming" in line] == [
        "resuming run a",
        "resuming run b",
    ]
    assert flow("resume").stderr == "nothing to resume: no run was interrupted\n"


def test_one_that_cannot_be_resumed_stops_no_other(flow: Here) -> None:
    flow.write("gone.py", FLOW)
    flow.write("stop", "")
    flow("run", "gone.py", "--run-id", "a", exits=130)
    flow.interrupted("--run-id", "b")
    (flow.path / "gone.py").unlink()
    out, err = flow.real("resume", exits=exit_codes.USAGE)
    assert "run a was not resumed" in err
    assert "there is no file" in err
    assert "resuming run b" in out
    assert {run["run_id"]: run["status"] for run in flow.runs()} == {"a": "interrupted", "b": "succeeded"}


def test_a_run_that_fails_stops_no_other(flow: Here) -> None:
    flow.write("failing.py", FLOW.replace("return {transform}", "raise ValueError('no load')"))
    flow.write("stop", "")
    flow("run", "failing.py", "--run-id", "a", exits=130)
    flow.interrupted("--run-id", "b")
    documents = flow.json("resume", exits=exit_codes.FAILED)
    found = [(document["run_id"], document["status"]) for document in documents]
    assert found == [("a", "failed"), ("b", "succeeded")]


def test_json_without_a_name_is_a_list(flow: Here) -> None:
    assert flow.json("resume") == []
    flow.interrupted("--run-id", "a")
    (document,) = flow.json("resume")
    assert (document["run_id"], document["status"], document["exit_code"]) == ("a", "succeeded", 0)


def test_a_run_that_is_driven_is_skipped(flow: Here) -> None:
    flow.interrupted("--run-id", "a")
    with open_store() as store:
        lease = store.acquire("a", "somebody")
        assert "run a is driven by another process and is left alone" in flow("resume").stderr
        flow("resume", "a", exits=exit_codes.DRIVEN)
        store.release(lease)


def test_files_of_different_folders_have_their_own_modules(here: Here) -> None:
    for name in ("one", "two"):
        here.write(f"{name}/part.py", f"NAME = {name!r}\n")
        here.write(f"{name}/flow.py", FLOW.replace("return {transform}", "import part; return part.NAME"))
        here.write("stop", "")
        here.real("run", f"{name}/flow.py", "--run-id", name, "--grace", "30", exits=130)
    out, _ = here.real("resume")
    assert [line for line in out.splitlines() if line.startswith("result")] == ['result: "one"', 'result: "two"']


def test_another_file_and_accepted_changes(flow: Here) -> None:
    flow.interrupted("--run-id", "x")
    flow.write("moved.py", FLOW.replace("def extract", "def fetch").replace("extract", "fetch"))
    _, err = flow.real("resume", "x", "--file", "moved.py", exits=exit_codes.DIVERGED)
    assert "extract: has run and is not in the workflow any more" in err
    assert "--accept-changes" in err
    flow.real("plan", "x", "--file", "moved.py", exits=exit_codes.DIVERGED)
    flow.real("resume", "x", "--file", "moved.py:etl", "--accept-changes")
    changed = next(event for event in flow.events("x") if event["type"] == "DefinitionChanged")
    assert changed["fields"]["accepted"] is True


def test_run_names_the_way_to_begin_anew_when_the_code_diverges(flow: Here) -> None:
    flow.interrupted("--run-id", "x")
    flow.write("flow.py", FLOW.replace("def extract", "def fetch").replace("extract", "fetch"))
    _, err = flow.real("run", "flow.py", exits=exit_codes.DIVERGED)
    assert "to start over: durable run --new" in err


def test_wrong_usage_says_what_is_wrong(flow: Here) -> None:
    flow("resume", "--policy", "strict", exits=exit_codes.USAGE)
    flow("resume", "--file", "flow.py", exits=exit_codes.USAGE)
    flow.interrupted("--run-id", "x")
    flow("resume", "x", "--file", "none.py", exits=exit_codes.USAGE)
    error = flow.json("resume", "nope", exits=exit_codes.ERROR)["error"]
    assert error["type"] == "RunNotFound"
