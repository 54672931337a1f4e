"""A run is cancelled while its process dies, or while it fails by itself."""

from __future__ import annotations

import time
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import pytest

from durable import TaskExecutionContext, open_run, open_store, task, workflow
from durable.testing import CrashKit, Kill, Trial, Workload

FILE = str(Path(__file__).with_name("flows_to_control.py"))


def cancelled_unheard(kit: CrashKit) -> Trial:
    """A run that was cancelled while its process was frozen, which then died."""
    trial = kit.trial()
    drive = trial.spawn()
    until = time.monotonic() + 30
    while "held" not in {body.task_id for body in trial.bodies()}:
        assert time.monotonic() < until
        time.sleep(0.005)
    drive.send(SIGSTOP)
    with open_run(trial.run_id, trial.url) as run:
        assert run.cancel("not wanted any more", "test")
    drive.send(SIGKILL)
    assert drive.wait().killed
    return trial


@pytest.mark.parametrize("when", ["never", "before", "after"])
def test_a_cancel_outlives_the_process_that_did_not_hear_it(tmp_path: Path, when: str) -> None:
    """The next drive records it, once, and runs nothing; also when that one dies meanwhile."""
    with CrashKit(Workload(FILE, "holding", {"folder": str(tmp_path)})) as kit:
        trial = cancelled_unheard(kit)
        started = trial.bodies()
        if when != "never":
            assert trial.drive(Kill(when, len(trial.events()) + 1)).killed
        exit = trial.drive()
        assert (exit.status, exit.raised) == ("cancelled", "RunCancelled")
        (event,) = [event for event in trial.events() if event.type == "RunCancelled"]
        assert event.fields == {"actor": "test", "reason": "not wanted any more"}
        assert trial.bodies() == started
        assert not trial.problems


def test_a_cancel_that_came_too_late_does_not_hit_the_resume(tmp_path: Path) -> None:
    """The run had failed before its drive heard of it; who resumes the run afterwards wants it to go on."""
    broken = [True]
    with open_store(tmp_path / "runs.db") as store:

        @task
        def fails_once(context: TaskExecutionContext) -> int:
            if broken:
                assert open_run(context.run_id, store).cancel()
                raise RuntimeError("broken")
            return 7

        with workflow("late") as wf:
            wf.add(fails_once)
        assert wf.start(run_id="run", store=store).status == "failed"
        broken.clear()
        assert wf.resume("run", store=store) == 7
        assert store.inbox("run") == []
