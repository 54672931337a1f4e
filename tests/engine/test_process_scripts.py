"""Scripts with worker processes: guarded, stopped or killed, no process is left behind and the run can go on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from durable import open_run
from tests.engine.process_scripts import GUARDED, OWN, SCRIPT, SCRIPTS, pids_of, start_script
from tests.engine.reading import count, trail
from tests.executors.calls import lives, number_in, until


@SCRIPTS
def test_functions_of_a_script_with_a_guard_work(tmp_path: Path, backend: str) -> None:
    """Their module is the script's, wherever they run."""
    script = start_script(tmp_path, GUARDED, backend, 0)
    assert script.communicate(timeout=50) == ("2\n", "")
    assert script.returncode == 0


@SCRIPTS
def test_a_script_without_a_guard_fails_with_a_hint(tmp_path: Path, backend: str) -> None:
    """It neither hangs nor starts process after process, and no run begins in a worker."""
    script = start_script(tmp_path, SCRIPT + "\nwf.execute(run_id='r')\n", backend, 0)
    _, said = script.communicate(timeout=50)
    assert script.returncode == 1
    assert 'if __name__ == "__main__"' in said
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert run.status == "failed"
    assert count(run, "TaskStarted") == 2
    assert len(list(run.store.runs())) == 1
    assert not (tmp_path / "slow0").exists()


@SCRIPTS
def test_ctrl_c_lets_bodies_end_in_time_and_leaves_no_process(tmp_path: Path, backend: str) -> None:
    """It reaches the whole terminal; the driver stops gracefully, and what was running is recorded."""
    script = start_script(tmp_path, GUARDED, backend, 2)
    pids = pids_of(tmp_path)
    os.killpg(script.pid, signal.SIGINT)
    _, said = script.communicate(timeout=50)
    assert "run r was interrupted and can be resumed" in said
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert trail(run)[-3:] == ["TaskSucceeded slow0", "TaskSucceeded slow1", "RunInterrupted"] or (
        sorted(trail(run)[-3:-1]) == ["TaskSucceeded slow0", "TaskSucceeded slow1"]
    )
    until(lambda: not any(map(lives, pids)))


@SCRIPTS
def test_a_killed_driver_leaves_no_process_and_the_run_goes_on(tmp_path: Path, backend: str) -> None:
    """SIGKILL, with bodies at work; the next process takes over, and the attempts count as interrupted."""
    script = start_script(tmp_path, GUARDED, backend, 600)
    pids = pids_of(tmp_path)
    script.kill()
    script.communicate(timeout=50)
    until(lambda: not any(map(lives, pids)))
    again = start_script(tmp_path, GUARDED, backend, 0)
    assert again.communicate(timeout=50) == ("2\n", "")
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert count(run, "TaskInterrupted") == 2
    assert run.status == "succeeded"


def test_bodies_that_outlast_the_grace_period_are_killed(tmp_path: Path) -> None:
    """That is recorded as an interruption that does not count."""
    command = ["-m", "durable", "run", "FILE", "--run-id", "r", "--grace", "0.2"]
    script = start_script(tmp_path, SCRIPT, OWN, 600, command)
    pids = pids_of(tmp_path)
    script.send_signal(signal.SIGTERM)
    said = script.communicate(timeout=50)
    assert script.returncode == 128 + signal.SIGTERM, said
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert [event.fields["counted"] for event in run.events() if event.type == "TaskInterrupted"] == [False, False]
    until(lambda: not any(map(lives, pids)))


def test_workers_that_are_stopped_together_with_their_driver_do_not_count(tmp_path: Path) -> None:
    """As a service manager does, which sends SIGTERM to all processes of a service; ours ignore it."""
    script = start_script(tmp_path, GUARDED, OWN, 2)
    pids = pids_of(tmp_path)
    script.send_signal(signal.SIGTERM)
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    script.communicate(timeout=50)
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert count(run, "TaskSucceeded") == 2
    assert count(run, "TaskInterrupted") == 0


def test_a_worker_killed_from_outside_is_replaced(tmp_path: Path) -> None:
    """As the kernel does when memory runs out: the attempt is interrupted, and the drive goes on."""
    script = start_script(tmp_path, GUARDED, OWN, 600)
    first = pids_of(tmp_path)
    for n in range(2):
        (tmp_path / f"slow{n}").unlink()
    os.kill(first[0], signal.SIGKILL)
    again = number_in(tmp_path / "slow0")
    assert again not in first
    assert lives(first[1])
    script.kill()
    script.communicate(timeout=50)
    until(lambda: not lives(again) and not lives(first[1]))
