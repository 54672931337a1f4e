"""A failed run that is resumed does again what failed, and nothing that its failed attempts had recorded."""

from __future__ import annotations

import os
from pathlib import Path

from durable.testing import CrashKit, Kill, Trial, Workload

FILE = str(Path(__file__).with_name("mending_flows.py"))
MEMORY = Path("/dev/shm")
PLACE = MEMORY if os.access(MEMORY, os.W_OK) else None
STRIDE = 1 if os.environ.get("DURABLE_EVERY_BOUNDARY") else 5


def fail(kit: CrashKit, flag: Path) -> Trial:
    """A run that has failed, with what broke it repaired."""
    flag.unlink(missing_ok=True)
    trial = kit.trial()
    assert trial.drive().status == "failed"
    flag.touch()
    return trial


def test_every_boundary_of_a_mended_run(tmp_path: Path) -> None:
    """Resumed, killed and resumed again, it comes to the end of a run that was resumed once."""
    flag = tmp_path / "repaired"
    with CrashKit(Workload(FILE, "mends", {"folder": str(tmp_path)}), place=PLACE) as kit:
        trial = fail(kit, flag)
        begun = len(trial.events())
        succeeded = {event.task_id for event in trial.events() if event.type == "TaskSucceeded"}
        failed = {name for name, status in trial.outcome().tasks.items() if status == "failed"}
        assert failed == {
            "breaks_in_a_loop",
            "breaks_in_round_two",
            "breaks_after_steps",
            "schedules_what_breaks/breaks_later#2",
        }
        trial.drive(resume={})
        assert not trial.problems
        expected = trial.outcome()
        assert expected.status == "succeeded"
        later = {name for name in expected.tasks if name.startswith("breaks_in_a_loop/")}
        assert later == {f"breaks_in_a_loop/later{n}" for n in (1, 2, 3)}
        for number, seq in enumerate([seq for seq in trial.appends() if seq > begun][::STRIDE]):
            again = fail(kit, flag)
            ran = len(again.bodies())
            assert again.drive(Kill(("before", "after")[number % 2], seq), resume={}).killed
            assert again.drive(resume={}).status == "succeeded"
            assert not again.problems
            assert not expected.differences(again.outcome())
            assert not succeeded & {body.task_id for body in again.bodies()[ran:]}


def test_the_same_command_tells_the_failure_again(tmp_path: Path) -> None:
    """It reopens nothing and runs nothing."""
    with CrashKit(Workload(FILE, "mends", {"folder": str(tmp_path)}), place=PLACE) as kit:
        trial = fail(kit, tmp_path / "repaired")
        log = trial.events()
        assert trial.drive().status == "failed"
        assert trial.events() == log
