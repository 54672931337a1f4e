"""``durable prune``, and what other commands say of runs that were pruned and of what runs take."""

from __future__ import annotations

import re

import pytest

from durable.cli import exit_codes
from tests.cli.place import GROUP, Here


@pytest.fixture
def runs(flow: Here) -> Here:
    """flow.py has run three times as a, b and c; b failed."""
    flow("run", "flow.py", "--run-id", "a", "--input", "factor=1")
    flow.write("fail", "")
    flow("run", "flow.py", "--run-id", "b", "--input", "factor=2", exits=1)
    (flow.path / "fail").unlink()
    flow("run", "flow.py", "--run-id", "c", "--input", "factor=3")
    return flow


def test_a_dry_run_changes_nothing(runs: Here) -> None:
    shown = runs("prune", "--keep-last", "1", "--dry-run").stdout
    assert re.search(r"^b +etl +failed ", shown, re.M)
    assert re.search(r"^a +etl +succeeded ", shown, re.M)
    assert "2 runs would be pruned" in shown
    assert [run["pruned"] for run in runs.runs()] == [None] * 3
    document = runs.json("prune", "--keep-last", "1", "-n")
    assert document["dry_run"] is True
    assert [(run["run_id"], run["pruned"]) for run in document["runs"]] == [("b", None), ("a", None)]
    assert document["freed"] > 1000
    assert (document["returned"], document["exit_code"]) == (0, 0)


def test_prune_deletes_and_keeps_a_summary(runs: Here) -> None:
    shown = runs("prune", "--status", "succeeded", "--keep-last", "1")
    assert "1 run pruned: " in shown.stdout
    listed = runs("runs").stdout
    assert re.search(r"^a +etl +succeeded, pruned ", listed, re.M)
    assert [run["pruned"] is not None for run in runs.runs()] == [False, False, True]
    summary = runs("show", "a").stdout
    assert "run a of etl: succeeded" in summary
    assert re.search(r"pruned: +20\d\d-\d\d-\d\d .*its events and values are gone, \d.* were freed", summary)
    assert re.search(r"tasks: +3: 3 succeeded", summary)
    document = runs.json("show", "a")
    assert document["counts"] == {"total": 3, "succeeded": 3}
    assert document["pruned"].startswith("20")
    assert runs.json("verify")["damaged"] == 0
    verified = runs("verify")
    assert "1 pruned run left out" in verified.stderr
    assert "2 runs, " in verified.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["run", "flow.py", "--run-id", "a", "--input", "factor=1"], ["resume", "a"], ["log", "a"], ["plan", "a"],
        ["fork", "a"], ["verify", "a"], ["show", "a", "--task", "load"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_pruned_run_is_refused_by_name(runs: Here, words: list[str]) -> None:
    runs("prune", "a")
    before = (runs.path / "bodies.txt").read_text()
    said = runs(*words, exits=exit_codes.ERROR).stderr
    assert re.search(r"the run succeeded and was pruned on 20\d\d-\d\d-\d\d \d\d:\d\d UTC.*run a", said, re.S), said
    error = runs.json(*words, exits=exit_codes.ERROR) if words[0] != "log" else None
    assert error is None or error["error"]["type"] == "RunPruned"
    assert (runs.path / "bodies.txt").read_text() == before


def test_resume_without_a_name_leaves_pruned_runs_alone(runs: Here) -> None:
    runs("prune", "b")
    assert "nothing to resume" in runs("resume").stderr


@pytest.mark.parametrize(
    "words",
    [[], ["--older-than", "soon"], ["--older-than", "30"], ["--status", "interrupted"], ["a", "--keep-last", "1"]],
    ids=" ".join,
)
def test_unclear_choices_are_wrong_usage(runs: Here, words: list[str]) -> None:
    runs("prune", *words, exits=exit_codes.USAGE)
    assert [run["pruned"] for run in runs.runs()] == [None] * 3


def test_what_has_not_ended_is_refused(flow: Here) -> None:
    run_id = flow.interrupted("--run-id", "half")
    said = flow("prune", run_id, exits=exit_codes.ERROR).stderr
    assert "the run is interrupted; only runs that have ended are pruned" in said
    assert "durable cancel half" in said
    assert "no run is chosen" in flow("prune", "--older-than", "0s").stderr
    flow("resume", run_id)
    assert flow.json("prune", run_id)["runs"][0]["run_id"] == run_id


def test_ages_are_understood(runs: Here) -> None:
    for age, count in (("0s", 3), ("0.0 m", 3), ("1h", 0), ("30d", 0), ("2w", 0)):
        assert len(runs.json("prune", "--older-than", age, "--dry-run")["runs"]) == count, age


def test_without_a_store_there_is_nothing(here: Here) -> None:
    assert "nothing has run here" in here("prune", "--older-than", "1d").stderr
    assert here.json("prune", "--older-than", "1d")["runs"] == []
    assert list(here.path.iterdir()) == []


def test_show_says_what_takes_the_space(here: Here) -> None:
    here.write("grouped.py", GROUP.replace("return 1", "return 'x' + str(hash(1)) * 3 + str(list(range(3000)))"))
    here("run", "grouped.py", "--run-id", "g", exits=1)
    shown = here("show", "g").stdout
    (line,) = [line for line in shown.splitlines() if line.startswith("space:")]
    assert re.search(r"space: +\d+\.\d KB: results \d.*\(\d+%\), ", line), line
    assert "events" in line
    space = here.json("show", "g")["space"]
    assert space["total"] == space["own"] + space["shared"]
    assert space["payloads"]["TaskSucceeded"] > 1000
    assert re.search(r" \d+\.\d KB ", here("runs", "--sizes").stdout)
    assert here.json("runs", "--sizes")[0]["space"] == space
    assert "space" not in here.runs()[0]
