"""What a killed or failed group does again, and what it does not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from durable.testing import CrashKit, Kill, Trial, Workload

FILE = str(Path(__file__).with_name("flows_to_control.py"))
TWICE: dict[str, Any] = {"policy": "best_effort", "actor": "test", "reason": "the rest is enough"}


def bodies(trial: Trial) -> Counter[str]:
    """How often each task's body has started so far."""
    return Counter(body.task_id for body in trial.bodies())


def recorded(trial: Trial, kind: str) -> list[str | None]:
    """What the events of one type are about, in order."""
    return [event.task_id for event in trial.events() if event.type == kind]


def wait_until_recorded(trial: Trial, kind: str, tasks: set[str]) -> None:
    """Block until the log says so."""
    until = time.monotonic() + 30
    while not tasks <= set(recorded(trial, kind)):
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def repairable(tmp_path: Path) -> Iterator[CrashKit]:
    """A group of four of which one fails until the file ``repaired`` is there."""
    with CrashKit(Workload(FILE, "repairable", {"folder": str(tmp_path)})) as kit:
        yield kit


def test_only_the_missing_members_run() -> None:
    """A strict group of four, killed with two recorded results, runs the other two."""
    with CrashKit(Workload(FILE, "two_slow")) as kit:
        trial = kit.trial()
        drive = trial.spawn()
        wait_until_recorded(trial, "TaskSucceeded", {"a", "b"})
        drive.send(9)
        assert drive.wait().killed
        before = bodies(trial)
        assert before == dict.fromkeys(["prepare", "a", "b", "c", "d"], 1)
        assert trial.state().node_status("group") == "running"
        assert [item.id for item in trial.plan().items if item.action == "run"] == ["c", "d"]
        exit = trial.drive()
        assert exit.status == "succeeded"
        assert bodies(trial) - before == {"c": 1, "d": 1, "publish": 1}
        assert recorded(trial, "GroupSucceeded") == ["group"]
        assert not trial.problems


@pytest.mark.parametrize("policy", ["strict", "strict_fails", "at_least_n", "custom_policy"])
def test_a_missing_verdict_is_given_without_running_anything(policy: str) -> None:
    """All four members recorded, killed just before the verdict is: the resume records it."""
    file = str(Path(__file__).with_name("workloads.py"))
    with CrashKit(Workload(file, policy)) as kit:
        first = kit.trial()
        first.drive()
        verdict = next(event for event in first.events() if event.type in ("GroupSucceeded", "GroupFailed"))
        trial = kit.trial()
        seq = verdict.seq - sum(event.type == "MetadataWritten" for event in first.events())
        assert trial.drive(Kill.before(seq)).killed
        assert trial.state().node_status("group") == "running"
        before = bodies(trial)
        assert sum(before.values()) == 5
        trial.drive()
        assert bodies(trial) - before == ({"end": 1} if verdict.type == "GroupSucceeded" else {})
        assert recorded(trial, verdict.type) == ["group"]
        assert not trial.problems
        assert not first.outcome().differences(trial.outcome())


def fail(kit: CrashKit) -> Trial:
    """A run of ``repairable`` that has failed."""
    trial = kit.trial()
    exit = trial.drive()
    assert (exit.status, exit.raised) == ("failed", "ParallelGroupError")
    assert sorted(bodies(trial)) == ["a", "b", "c", "needs_repair", "prepare"]
    return trial


def test_the_same_command_does_not_reopen_a_failed_run(repairable: CrashKit) -> None:
    """It tells the recorded failure, and runs nothing."""
    trial = fail(repairable)
    before, log = bodies(trial), trial.events()
    exit = trial.drive()
    assert exit.raised == "ParallelGroupError"
    assert (bodies(trial), trial.events()) == (before, log)


def test_a_resumed_failure_runs_only_what_failed(repairable: CrashKit, tmp_path: Path) -> None:
    """The three successes are kept."""
    trial = fail(repairable)
    before = bodies(trial)
    (tmp_path / "repaired").touch()
    exit = trial.drive(resume={})
    assert exit.status == "succeeded"
    assert bodies(trial) - before == {"needs_repair": 1, "publish": 1}
    assert not trial.problems


def test_a_rejudged_group_runs_no_member(repairable: CrashKit) -> None:
    """Best effort over the recorded results: only the successor runs, once."""
    trial = fail(repairable)
    before = bodies(trial)
    exit = trial.drive(resume=TWICE)
    assert exit.status == "succeeded"
    assert bodies(trial) - before == {"publish": 1}
    assert (recorded(trial, "GroupFailed"), recorded(trial, "GroupSucceeded")) == (["group"], ["group"])
    (reopened,) = [event for event in trial.events() if event.type == "GroupReopened"]
    assert (reopened.fields["actor"], reopened.fields["reason"]) == ("test", "the rest is enough")
    assert not trial.problems


@pytest.mark.timeout(200)
@pytest.mark.parametrize("resume", [{}, TWICE], ids=["resumed", "re-judged"])
def test_every_boundary_of_a_resumed_failure(repairable: CrashKit, tmp_path: Path, resume: dict[str, Any]) -> None:
    """A resume that is killed, and given again as it was, comes to the same end."""
    (tmp_path / "repaired").unlink(missing_ok=True)
    trial = fail(repairable)
    begun = len(trial.events())
    if not resume:
        (tmp_path / "repaired").touch()
    trial.drive(resume=resume)
    expected = trial.outcome()
    for seq in [seq for seq in trial.appends() if seq > begun]:
        for kill in (Kill.before(seq), Kill.after(seq)):
            (tmp_path / "repaired").unlink(missing_ok=True)
            trial = fail(repairable)
            if not resume:
                (tmp_path / "repaired").touch()
            assert trial.drive(kill, resume=resume).killed
            exit = trial.drive(resume=resume)
            assert exit.status == "succeeded", (kill, exit)
            assert not trial.problems
            assert not expected.differences(trial.outcome())
            counts = bodies(trial)
            assert counts["a"] == counts["b"] == counts["c"] == 1
            assert recorded(trial, "GroupSucceeded") == ["group"]
