"""Runs a command away from the tree: its own folder, its own store, a time limit for all it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """What came of a command.

    Attributes:
        code: its exit code; 128 plus the signal's number when a signal ended it.
        output: what it wrote, both streams.
        seconds: how long it took.
    """

    code: int
    output: str
    seconds: float


def exit_code(returncode: int) -> int:
    """Return the exit code as a shell shows it."""
    return returncode if returncode >= 0 else 128 - returncode


def environment(**extra: str) -> dict[str, str]:
    """Return an environment with this interpreter's commands first and no DURABLE_ settings but the given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DURABLE_")}
    kept.pop("PYTHONPATH", None)
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONUNBUFFERED": "1", **extra}


def run(command: Sequence[str | Path], folder: Path, env: dict[str, str], limit: float) -> Outcome:
    """Run a command in a folder, without input.

    Args:
        command: program and arguments.
        folder: where it runs.
        env: its whole environment.
        limit: seconds after which it is killed, with everything it has started.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f"\nkilled: it took longer than {limit:g} s\n"
        return Outcome(exit_code(-signal.SIGKILL), output, time.monotonic() - began)
    return Outcome(exit_code(process.returncode), output, time.monotonic() - began)
