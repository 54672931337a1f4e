"""A map over very many items: killed twice, resumed, and with a few bytes of memory for each member."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from durable import open_run
from durable.values.payloads import decode

FLOW = """
import json, os, resource, signal, sys
from durable import task, workflow
from durable.engine import run_view as view

view.CACHE_BYTES = 1 << 20  # the cache of values has a bound of its own, which small runs do not reach
size, die_at, store = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

@task
def double(n: int) -> int:
    if n == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * n

@task
def summed(double) -> int:
    total = 0
    for _, value in double.iter():
        total += value
    return total

def source():
    for n in range(size):
        yield n

with workflow("large", store=store) as wf:
    double.map(source).with_execution(max_concurrent=2, chunk_size=100) >> summed

result = wf.execute(run_id="r")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"result": result, "peak": peak}))
"""
PER_MEMBER = 150
"""Bytes by which the peak may grow with each member."""


def drive(folder: Path, size: int, die_at: int = -1) -> dict[str, Any] | None:
    """Drive the run in a new process; None if that was killed."""
    script = folder / "large.py"
    script.write_text(FLOW)
    store = f"sqlite:///{folder}/runs{size}.db?synchronous=normal"
    done = subprocess.run(
        [sys.executable, str(script), str(size), str(die_at), store], capture_output=True, text=True, env=os.environ
    )
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_members(tmp_path: Path) -> None:
    """Killed at a third and at two thirds: each succeeds once, and memory grows by less than 150 bytes for each."""
    small, large = 10_000, 100_000
    first = drive(tmp_path, small)
    assert first is not None
    assert drive(tmp_path, large, 33_333) is None
    assert drive(tmp_path, large, 66_666) is None
    last = drive(tmp_path, large)
    assert last is not None
    assert last["result"] == large * (large - 1)
    whole = drive(tmp_path, large + 1)
    assert whole is not None
    with open_run("r", f"sqlite:///{tmp_path}/runs{large}.db") as run:
        kinds: Counter[str] = Counter()
        again: Counter[str | None] = Counter()
        members: set[int] = set()
        for event in run.events():
            kinds[event.type] += 1
            if event.type == "TaskSucceeded":
                members.add(hash(event.task_id))
            elif event.type == "TaskStarted" and event.attempt > 1:
                again[event.task_id] += 1
            elif event.type == "MembersAdded" and event.payload is not None:
                assert len(decode(event.encoding, event.payload)) == event.fields["count"]
        assert kinds["TaskSucceeded"] == len(members) == large + 1
        assert sum(again.values()) <= 2 * 2 * 100 * 2
    growth = [(found["peak"] - first["peak"]) / (large - small) for found in (last, whole)]
    assert max(growth) < PER_MEMBER
