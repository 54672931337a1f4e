"""Several processes and one run: two at once, a frozen one, a poison task, a file that was mended meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from durable.core.fold import apply
from durable.core.state import RunState
from durable.core.transitions import RUNNING
from durable.engine.load import read_graph
from durable.testing import CrashKit, Trial, Workload

FILE = str(Path(__file__).with_name("flows_to_control.py"))


def wait_until(condition: Callable[[], bool]) -> None:
    """Block until something holds."""
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def bodies(trial: Trial) -> Counter[str]:
    """How often each task's body has started so far."""
    return Counter(body.task_id for body in trial.bodies())


def test_two_processes_resume_at_once(tmp_path: Path) -> None:
    """One drives, the other is told so, and the work is done once."""
    with CrashKit(Workload(FILE, "holding", {"folder": str(tmp_path)})) as kit:
        trial = kit.trial()
        (tmp_path / "hold_twice").touch()
        first = trial.spawn()
        wait_until(lambda: bodies(trial)["held"] == 1)
        first.send(SIGKILL)
        assert first.wait().killed
        both = [trial.spawn(resume={}), trial.spawn()]
        wait_until(lambda: any(drive.over for drive in both))
        (tmp_path / "go").touch()
        exits = [drive.wait() for drive in both]
        assert sorted(exit.raised for exit in exits) == ["", "RunAlreadyDriven"]
        assert bodies(trial) == {"prepare": 1, "held": 2, "after_held": 1}
        assert not trial.check()
        assert trial.state().status_name == "succeeded"


def test_a_frozen_drive_is_taken_over_and_refused_when_it_wakes(tmp_path: Path) -> None:
    """Its lease expired while it was stopped: what it then appends is refused, and nothing is done twice."""
    with CrashKit(Workload(FILE, "holding", {"folder": str(tmp_path)}), lease_seconds=0.4) as kit:
        trial = kit.trial()
        frozen = trial.spawn()
        wait_until(lambda: bodies(trial)["held"] == 1)
        frozen.send(SIGSTOP)
        time.sleep(0.5)
        exit = trial.drive()
        assert exit.status == "succeeded"
        log = trial.events()
        (continued,) = [event for event in log if event.type == "RunContinued"]
        (interrupted,) = [event for event in log if event.type == "TaskInterrupted"]
        assert continued.fields["found"] == "expired"
        assert interrupted.fields["counted"] is False  # nobody says that the task was to blame
        (tmp_path / "go").touch()
        frozen.send(SIGCONT)
        woken = frozen.wait()
        assert woken.raised == "LeaseLost"
        assert trial.events() == log
        assert bodies(trial) == {"prepare": 1, "held": 2, "after_held": 1}
        assert not trial.check()


def running_beside(trial: Trial, task_id: str) -> list[list[str]]:
    """What else was running at each start of a task, according to the log."""
    found = []
    state = RunState(trial.run_id, read_graph)
    for event in trial.events():
        apply(state, event)
        if event.type == "TaskStarted" and event.task_id == task_id:
            live = [name for n, name in state.graph.ids.items() if state.nodes[n] == RUNNING]
            found.append([name for name in live if not state.graph.is_group(state.index[name]) and name != task_id])
    return found


def test_a_poison_task_fails_and_its_siblings_finish() -> None:
    """A member that kills its process gets its three attempts, the last of them alone, then fails."""
    with CrashKit(Workload(FILE, "poisoned")) as kit:
        trial = kit.trial()
        for _ in range(3):
            assert trial.drive().killed
        exit = trial.drive()
        assert exit.raised == "ParallelGroupError"
        outcome = trial.outcome()
        assert {name: status for name, status in outcome.tasks.items() if name.startswith("sibling")} == dict.fromkeys(
            ["sibling0", "sibling1", "sibling2"], "succeeded"
        )
        assert outcome.tasks["poison"] == "failed"
        assert outcome.errors["poison"].startswith("durable.errors.PoisonTask")
        assert bodies(trial)["poison"] == 3
        assert running_beside(trial, "poison")[2] == []
        assert not trial.problems


BROKEN = """
from durable import chain, task, workflow

@task
def load() -> list[int]:
    return [1, 2, 3]

@task
def average(load: list[int]) -> float:
    return sum(load) / (len(load) - 3)

@task
def report(average: float) -> str:
    return f"on average {average}"

with workflow("pipeline") as wf:
    load >> average >> report
"""


def test_a_mended_file_goes_on_where_the_bug_was(tmp_path: Path) -> None:
    """The plan says so beforehand, before and after the mending, and the resume does it."""
    file = tmp_path / "pipeline.py"
    file.write_text(BROKEN)
    with CrashKit(Workload(str(file), "pipeline"), fresh=True) as kit:
        trial = kit.trial()
        exit = trial.drive()
        assert (exit.status, exit.raised) == ("failed", "TaskFailed")
        assert exit.said is not None
        assert "ZeroDivisionError" in exit.said.message
        assert trial.run_id in exit.said.message
        plan = trial.plan()
        actions = {item.id: item.action for item in plan.items}
        assert actions == {"load": "reuse", "average": "run", "report": "blocked"}
        assert plan.resumes
        assert not plan.reported
        file.write_text(BROKEN.replace(" - 3)", ")  # mended"))
        plan = trial.plan()
        assert {item.id: item.action for item in plan.items} == actions
        assert plan.resumes
        assert plan.reported == ["average: code changed"]
        assert "code changed" in next(item.why for item in plan.items if item.id == "average")
        exit = trial.drive(resume={})
        assert exit.said is not None
        assert exit.said.result == ("json", b'"on average 2.0"')
        assert bodies(trial) == {"load": 1, "average": 2, "report": 1}
        assert not trial.problems
