"""A fork begins with another run's past and comes to the same end, killed or not; the other run stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from durable import open_store
from durable.runs.forks import fork_run
from durable.testing import CrashKit, Kill, Trial, Workload

HERE = Path(__file__).parent
GROWING, CALLING, WAITING = (str(HERE / f"{name}_flows.py") for name in ("growing", "calling", "waiting"))
MEMORY = Path("/dev/shm")
PLACE = MEMORY if os.access(MEMORY, os.W_OK) else None
STRIDE = 1 if os.environ.get("DURABLE_EVERY_BOUNDARY") else 7


def forked(kit: CrashKit, source: Trial, seq: int) -> Trial:
    """A run that shares the source's past up to an event."""
    trial = kit.trial()
    with open_store(trial.url) as store:
        fork_run(store, source.run_id, seq, new_run_id=trial.run_id)
    assert not trial.check()
    return trial


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("file", "flow"),
    [(GROWING, "tree"), (GROWING, "loop_data"), (CALLING, "steps"), (CALLING, "track_nested"), (WAITING, "sleep")],
)
def test_a_fork_at_any_commit(file: str, flow: str) -> None:
    """What the source had recorded by then is not done again in the fork."""
    with CrashKit(Workload(file, flow), place=PLACE) as kit:
        source = kit.trial()
        source.drive_on()
        log = source.events()
        for number, seq in enumerate(source.appends()[:-1:STRIDE]):
            trial = forked(kit, source, seq)
            done = {event.task_id for event in trial.events() if event.type == "TaskSucceeded"}
            trial.drive(Kill(("before", "after")[number % 2], seq + 6))
            assert trial.drive_on().status == "succeeded"
            assert not trial.problems
            assert not source.outcome().differences(trial.outcome())
            assert not done & {body.task_id for body in trial.bodies()}
        assert source.events() == log
