"""durable fork and durable terminate: another run from a run's past, and a run's early end."""

from __future__ import annotations

import getpass

from durable.cli import exit_codes
from tests.cli.place import Here


def bodies(here: Here) -> int:
    return (here.path / "bodies.txt").read_text().count("extract")


def test_a_fork_prints_its_id_and_how_to_go_on(flow: Here) -> None:
    """The id alone on stdout, for scripts."""
    flow("run", "flow.py", "--run-id", "x")
    result = flow("fork", "x", "--from", "transform", "--reason", "what if", "--actor", "ann")
    name = result.stdout.strip()
    assert result.stdout == f"{name}\n"
    assert f"resume with: durable resume {name}" in result.stderr
    forked = flow.events(name)[-1]
    assert (forked["type"], forked["fields"]["actor"], forked["fields"]["reason"]) == ("RunForked", "ann", "what if")
    assert "result: {3}" in flow("resume", name).stdout
    assert bodies(flow) == 1


def test_a_plain_resume_goes_on_with_forks(flow: Here) -> None:
    """A fork is listed as interrupted."""
    flow("run", "flow.py", "--run-id", "x")
    flow("fork", "x", "--id", "y", "--from", "extract")
    assert {run["run_id"]: run["status"] for run in flow.runs()} == {"x": "succeeded", "y": "interrupted"}
    assert "resuming run y" in flow("resume").stdout
    assert bodies(flow) == 2


def test_a_point_inside_a_commit_is_rounded_and_said(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "x")
    seq = next(event["seq"] for event in flow.events("x") if event["type"] == "TaskSucceeded")
    said = flow("fork", f"x@{seq}").stderr
    assert f"forked from x@{seq - 1} (event {seq} is inside a commit)" in said
    assert "inside" not in flow("fork", f"x@{seq - 1}").stderr


def test_a_fork_as_json(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "x")
    document = flow.json("fork", "x", "--id", "y", "--from", "load", "--from", "transform")
    seq = flow.runs()[-1]["seq"] if "seq" in flow.runs()[-1] else document["seq"]
    assert document == {
        "run_id": "y", "forked": "x", "seq": seq, "from": ["load", "transform"], "resume": "durable resume y",
        "exit_code": 0,
    }  # fmt: skip


def test_what_cannot_be_forked(flow: Here) -> None:
    """Typed errors that name what there is."""
    flow("run", "flow.py", "--run-id", "x")
    assert "no run 'y'" in flow("fork", "y", exits=exit_codes.ERROR).stderr
    assert "numbered 1 to" in flow("fork", "x@99", exits=exit_codes.ERROR).stderr
    assert "It has: extract, transform, load" in flow("fork", "x", "--from", "none", exits=exit_codes.USAGE).stderr
    error = flow.json("fork", "x", "--id", "x", exits=exit_codes.ERROR)["error"]
    assert error["type"] == "RunConflict"
    assert len(flow.runs()) == 1


def test_an_interrupted_run_is_ended_with_success(flow: Here) -> None:
    """With the result that was given; what had not started is skipped."""
    flow.interrupted("--run-id", "x")
    assert flow("terminate", "x", "--result", '{"rows": 0}', "--reason", "no files").stdout == (
        "run x was ended with success\n"
    )
    document = flow.json("resume", "x")
    assert (document["status"], document["result"]) == ("succeeded", {"rows": 0})
    end = flow.events("x")[-1]
    assert end["fields"] == {"terminated": "", "actor": getpass.getuser(), "reason": "no files"}


def test_a_run_that_has_ended_is_not_ended_again(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "x")
    assert "already ended: succeeded" in flow("terminate", "x", "--by", "ann", exits=exit_codes.NOTHING).stdout
    document = flow.json("terminate", "x", exits=exit_codes.NOTHING)
    assert document == {"run_id": "x", "status": "succeeded", "asked": False, "exit_code": exit_codes.NOTHING}
    flow("terminate", "x", "--result", "{", exits=exit_codes.USAGE)
