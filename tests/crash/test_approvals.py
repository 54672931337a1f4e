"""An approval that outlives its process: asked, killed, answered by a command while nothing runs, resumed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGKILL

import pytest

from durable.values.payloads import decode
from durable.testing import CrashKit, Trial, Workload

FLOW = """
from pathlib import Path
from durable import TaskExecutionContext, parallel, task, workflow

@task
def build(folder: str) -> str:
    Path(folder, "built").open("a").write("x")
    return folder

def asks(context: TaskExecutionContext, question: str):
    answer = context.request_feedback(question, request_id=question, channel_key=f"said-{question}")
    if not answer.approved:
        raise PermissionError(f"{question}: {answer.reason}")
    return [answer.approved, answer.by]

@task
def legal(context: TaskExecutionContext) -> list:
    return asks(context, "is-it-legal")

@task
def safe(context: TaskExecutionContext) -> list:
    return asks(context, "is-it-safe")

@task
def deploy(folder: str) -> str:
    Path(folder, "deployed").open("a").write("x")
    return "deployed"

with workflow("release") as wf:
    build >> parallel(legal, safe, name="approvals") >> deploy
"""


def asked_and_killed(trial: Trial) -> None:
    """Start the run, wait until both questions are recorded and their bodies are held, and kill the process."""
    drive = trial.spawn()
    until = time.monotonic() + 30
    while [event.type for event in trial.events()].count("FeedbackRequested") < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    drive.send(SIGKILL)
    assert drive.wait().killed
    assert not trial.check()


def durable(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the real command."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "durable", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("verdict", ["--approve", "--reject"])
def test_an_answer_given_while_nothing_runs(tmp_path: Path, verdict: str) -> None:
    """No question is asked again, each task gets its own answer, and only an approval deploys."""
    file = tmp_path / "release.py"
    file.write_text(FLOW)
    with CrashKit(Workload(str(file), "release", {"folder": str(tmp_path)})) as kit:
        trial = kit.trial()
        asked_and_killed(trial)
        log, store = trial.events(), ["--store", trial.url]
        refused = durable("answer", trial.run_id, "--approve", *store)
        assert refused.returncode != 0, "two questions are open"
        for question, said, who in [("is-it-safe", verdict, "sam"), ("is-it-legal", "--approve", "lea")]:
            done = durable("answer", trial.run_id, question, said, "--by", who, "--reason", "looked", *store)
            assert done.returncode == 0, done.stderr
            assert durable("answer", trial.run_id, question, said, "--by", "x", *store).returncode == 0  # the same
        assert durable("answer", trial.run_id, "is-it-legal", "--reject", *store).returncode != 0
        assert trial.events() == log, "answering appends nothing"
        exit = trial.drive()
        assert not trial.problems
        assert exit.status == ("succeeded" if verdict == "--approve" else "failed")
        check_answers(trial, verdict == "--approve")
        assert (tmp_path / "built").read_text() == "x"
        assert (tmp_path / "deployed").exists() == (verdict == "--approve")
        assert trial.drive().status == exit.status  # the same command again does nothing more
        assert not trial.problems


def check_answers(trial: Trial, approved: bool) -> None:
    """The log has each question and each answer once, and the tasks have what they were told."""
    found = trial.events()
    asked = [event.fields["id"] for event in found if event.type == "FeedbackRequested"]
    assert sorted(asked) == ["is-it-legal", "is-it-safe"]
    given = {event.fields["id"]: event for event in found if event.type == "FeedbackAnswered"}
    assert {name: (event.task_id, event.fields["actor"]) for name, event in given.items()} == {
        "is-it-legal": ("legal", "lea"),
        "is-it-safe": ("safe", "sam"),
    }
    outcome = trial.outcome()
    results = {name: decode(*value) for name, value in outcome.results.items() if value is not None}
    assert results["legal"] == [True, "lea"]
    if approved:
        assert results["safe"] == [True, "sam"]
        assert results["deploy"] == "deployed"
    else:
        assert outcome.tasks["safe"] == "failed"
        assert outcome.errors["safe"] == "PermissionError: is-it-safe: looked"
        assert outcome.tasks["deploy"] == "pending"
    said = {name: decode(*value) for name, value in outcome.channel.items() if name.startswith("said-")}
    assert said == {"said-is-it-legal": True, "said-is-it-safe": approved}
