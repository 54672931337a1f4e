"""A script with a group of worker processes, started as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.executors.calls import number_in

SCRIPT = """
import os, sys, time
from pathlib import Path
from durable import CoordinationBackend, parallel, task, workflow

@task
def slow(n: int) -> int:
    Path(os.environ["FOLDER"], f"slow{n}").write_text(str(os.getpid()))
    time.sleep(float(os.environ["SECONDS"]))
    return os.getpid()

with workflow("script", store=f"sqlite:///{os.environ['FOLDER']}/runs.db") as wf:
    parallel([slow(task_id=f"slow{n}", n=n) for n in range(2)], name="g").with_execution(BACKEND, max_concurrent=2)
"""
GUARDED = (
    SCRIPT
    + """
if __name__ == "__main__":
    print(len(wf.execute(run_id="r")))
"""
)
OWN = "CoordinationBackend.PROCESS"
POOL = (
    "lambda: __import__('concurrent.futures', fromlist=['x'])"
    ".ProcessPoolExecutor(2, mp_context=__import__('multiprocessing').get_context('spawn'))"
)
SERVED = POOL.replace("'spawn'", "'forkserver'")
LOKY = "lambda: __import__('loky').get_reusable_executor(max_workers=2)"
SCRIPTS = pytest.mark.parametrize("backend", [OWN, POOL, SERVED, LOKY], ids=["process", "spawn", "forkserver", "loky"])


def start_script(
    folder: Path, text: str, backend: str, seconds: float, command: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Run a script as a user does, or a command with it."""
    if "loky" in backend:
        pytest.importorskip("loky")
    file = folder / "script.py"
    file.write_text(text.replace("BACKEND", backend))
    path = os.pathsep.join(part for part in sys.path if part)
    env = {**os.environ, "PYTHONPATH": path, "FOLDER": str(folder), "SECONDS": str(seconds)}
    return subprocess.Popen(
        [sys.executable, *(part.replace("FILE", str(file)) for part in command or ["FILE"])],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip


def pids_of(folder: Path) -> list[int]:
    return [number_in(folder / f"slow{n}") for n in range(2)]
