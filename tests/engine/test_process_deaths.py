"""Worker processes that die: a death counts as an interruption of what ran there, and the drive goes on."""

from __future__ import annotations

import os
import random
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from durable import ParallelGroupError, PoisonTask, RetryPolicy, Store, WorkerDied, task, workflow
from tests.engine import process_bodies as bodies
from tests.engine.process_groups import BACKENDS, group_of, loky, spawned
from tests.engine.reading import count, fields


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_a_dead_worker_is_a_counted_interruption_and_is_tried_again_in_the_same_drive(
    store: Store, tmp_path: Path, how: str
) -> None:
    """The log says how it died; the members beside it are not touched."""
    with workflow("w", store=store) as wf:
        group_of(bodies.dies(folder=str(tmp_path), times=2, how=how), bodies.echo(value=1), max_concurrent=2)
    run = wf.start()
    assert run.result() == {"dies": 3, "echo": 1}
    assert count(run, "TaskInterrupted") == count(run, "TaskInterrupted", "dies") == 2
    said = "was killed by SIGKILL" if how == "kill" else "ended with exit code 9"
    assert fields(run, "TaskInterrupted") == {"counted": True, "reason": f"the process that ran it {said}"}
    assert count(run, "RunContinued") == 0


@BACKENDS
def test_a_task_that_kills_its_process_is_given_up_and_its_siblings_are_not(
    store: Store, tmp_path: Path, backend: Any
) -> None:
    """Its attempts are used up, its last one alone; the group's policy judges, and the cause says what happened."""
    siblings = [bodies.echo(task_id=f"echo{n}", value=n) for n in range(4)]
    with workflow("w", store=store) as wf:
        poison = task("poison", retry=RetryPolicy(max_attempts=3))(bodies.dies.fn)(folder=str(tmp_path), times=99)
        group_of(poison, *siblings, backend=backend, max_concurrent=2)
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    assert [name for name, _ in caught.value.failed_tasks] == ["poison"]
    assert sorted(caught.value.successful_tasks) == [f"echo{n}" for n in range(4)]
    (error,) = caught.value.__cause__.exceptions  # type: ignore[union-attr]
    assert isinstance(error, PoisonTask)
    assert isinstance(error.__cause__, WorkerDied)
    assert count(run, "TaskStarted", "poison") == count(run, "TaskInterrupted", "poison") == 3
    running: set[str] = set()
    for event in run.events():
        if event.type == "TaskStarted" and event.task_id == "poison" and event.attempt == 3:
            assert not running
        running |= {event.task_id or ""} if event.type == "TaskStarted" else set()
        running -= {event.task_id or ""} if event.type in ("TaskSucceeded", "TaskInterrupted") else set()


def test_a_task_without_a_retry_policy_is_given_up_after_twenty_five_deaths(store: Store, tmp_path: Path) -> None:
    """As one is that kills its drive."""
    with workflow("w", store=store) as wf:
        group_of(bodies.dies(folder=str(tmp_path), times=99))
    run = wf.start()
    with pytest.raises(ParallelGroupError):
        run.result()
    assert (tmp_path / "begun").stat().st_size == count(run, "TaskInterrupted") == 25


@pytest.mark.parametrize("backend", [spawned, loky], ids=["spawn", "loky"])
def test_a_pool_that_breaks_is_made_anew_in_the_same_drive(store: Store, tmp_path: Path, backend: Any) -> None:
    """Everybody who was in it is interrupted and comes through in the end."""
    with workflow("w", store=store) as wf:
        group_of(
            bodies.dies(folder=str(tmp_path), times=2),
            *[bodies.echo(task_id=f"echo{n}", value=n) for n in range(6)],
            backend=backend,
            max_concurrent=2,
        )
    run = wf.start()
    assert run.result() == {"dies": 3, **{f"echo{n}": n for n in range(6)}}
    assert count(run, "TaskInterrupted", "dies") == 2
    assert all(event.fields["counted"] for event in run.events() if event.type == "TaskInterrupted")


def test_a_run_comes_through_whatever_is_killed(tmp_path: Path) -> None:
    """Workers are killed at random while it goes on; every member succeeds in the end, and none is lost."""
    from durable.executors.worker_process import Worker

    killed, made, over = [0], list[Worker](), threading.Event()

    class Mortal(Worker):
        def is_ready(self) -> bool:
            ready = super().is_ready()
            made.append(self)
            return ready

    def kill_some() -> None:
        chance = random.Random(4)
        while not over.wait(0.05):
            if made and killed[0] < 15:
                os.kill(chance.choice(made[-3:])._process.pid, signal.SIGKILL)
                killed[0] += 1

    with pytest.MonkeyPatch.context() as patch, workflow("w", store=f"sqlite:///{tmp_path}/runs.db") as wf:
        patch.setattr("durable.executors.processes.Worker", Mortal)
        patch.setattr(os, "kill", _kill_if_there)
        group_of(*[bodies.naps(task_id=f"n{n}", seconds=0.02) for n in range(60)], max_concurrent=3)
        killer = threading.Thread(target=kill_some)
        killer.start()
        try:
            run = wf.start()
        finally:
            over.set()
            killer.join()
    assert run.result() == {f"n{n}": 0.02 for n in range(60)}
    assert killed[0] > 3
    assert 0 < count(run, "TaskInterrupted") <= 15
    assert count(run, "TaskStarted") == 60 + count(run, "TaskInterrupted")


def _kill_if_there(pid: int, number: int, _kill: Any = os.kill) -> None:
    with suppress(ProcessLookupError):
        _kill(pid, number)


def test_of_a_chunk_only_the_member_that_killed_the_process_is_interrupted(store: Store, tmp_path: Path) -> None:
    """Those behind it never began: they go on in a new process, and their attempts are not used up."""
    with workflow("w", store=store) as wf:
        poison = bodies.dies(folder=str(tmp_path), times=1)
        members = [bodies.echo(task_id=f"e{n}", value=n) for n in range(6)]
        group_of(*members[:3], poison, *members[3:], max_concurrent=7, chunk_size=7)
    run = wf.start()
    assert run.result() == {**{f"e{n}": n for n in range(6)}, "dies": 2}
    assert count(run, "TaskInterrupted") == count(run, "TaskInterrupted", "dies") == 1
    assert count(run, "TaskStarted") == 8
