"""A process that does many runs holds no more afterwards than after the first ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from durable import open_store

ROOT = Path(__file__).parents[1]
ROUNDS = 10
"""Each does three runs in memory and seven in a file."""


def told(folder: Path, call: str) -> dict[str, Any]:
    """Let a process in a folder of its own call something of ``tests.many_runs``, and return what that returns."""
    temporary = folder / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", f"from tests.many_runs import many, planted, tell; tell({call})"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "stores")])},
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_hundred_runs_leave_nothing_behind(tmp_path: Path) -> None:
    """No descriptor, thread, child process or file: chains, groups on threads, on a loop and in processes, failed,
    suspended and resumed runs, in memory and in a file, also by commands in this process."""
    assert told(tmp_path, f"many, {ROUNDS}") == {}
    with open_store(tmp_path / "runs.db") as store:
        assert Counter(info.status for info in store.runs()) == {
            "succeeded": 5 * (ROUNDS + 2) + 3,
            "failed": ROUNDS + 2,
        }


def test_one_leak_is_found(tmp_path: Path) -> None:
    """Of each kind, so that the test above cannot pass because it looks in the wrong place."""
    assert told(tmp_path, "planted") == {
        "descriptors": ["descriptors"],
        "threads": ["threads", "kernel threads"],
        "kernel threads": ["kernel threads"],
        "children": ["children"],
        "files": ["files"],
    }
