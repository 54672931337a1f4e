"""A body in another process that is not needed any more is killed: after a time-out, a cancel, a lost race."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from durable import ParallelGroup, RaceGroup, Store, open_run, task, workflow
from durable.testing import FakeClock
from tests.engine import process_bodies as bodies
from tests.engine.process_groups import PROCESS, group_of
from tests.engine.reading import statuses
from tests.executors.calls import lives, number_in, until


def test_a_time_out_ends_the_process(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """The next attempt gets a new one."""
    with workflow("w", store=store) as wf:
        slow = task("slow", timeout=10, max_retries=1)(bodies.hangs.fn)(folder=str(tmp_path), name="slow")
        group_of(slow, bodies.echo(value=1), policy="best_effort")
    pids = []

    def pass_time() -> None:
        for _ in range(2):
            pids.append(number_in(tmp_path / "slow"))
            (tmp_path / "slow").unlink()
            clock.advance(11)

    timer = threading.Thread(target=pass_time)
    timer.start()
    run = wf.start()
    timer.join()
    assert statuses(run)["slow"] == "timed_out"
    assert len(set(pids)) == 2
    until(lambda: not any(map(lives, pids)))


@pytest.mark.parametrize("kind", ["race", "cancel", "fail_fast"])
def test_what_is_not_needed_any_more_is_killed(store: Store, tmp_path: Path, kind: str) -> None:
    """A lost race, a cancelled run and a group that has failed leave no process at work."""

    @task
    def ends() -> None:
        number_in(tmp_path / "other")
        if kind == "fail_fast":
            raise ValueError("enough")
        if kind == "cancel":
            open_run("r", store=store).cancel("enough")

    # `ends` runs in a thread beside the group.
    other = bodies.hangs(folder=str(tmp_path), name="other")
    with workflow("w", store=store) as wf:
        group: ParallelGroup = group_of(other, backend=PROCESS) if kind != "race" else group_of(other)
        outer = (RaceGroup if kind == "race" else ParallelGroup)(ends, group, name="outer")
        wf.add(outer if kind == "race" else outer.with_execution(fail_fast=True))
    run = wf.start(run_id="r")
    assert run.status == {"race": "succeeded", "cancel": "cancelled", "fail_fast": "failed"}[kind]
    pid = number_in(tmp_path / "other")
    until(lambda: not lives(pid))
