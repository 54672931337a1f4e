"""What the harness and a measured program say to each other. Standard library only.

A program gets one job as JSON, in its only argument, and answers with one line. It times itself, so
that interpreter, imports and warm-up are not in the figure.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ANSWER = "ANSWER "
"""What the line with the answer begins with; whatever else a program prints is ignored."""

WARM_UP = 50
"""Tasks that a program runs, in a database of their own, before it measures."""

WARM_UP_NAME = "warm-up"
MEASURED_NAME = "measured"


class Job(NamedTuple):
    """What a program is to do.

    Attributes:
        work: "chain", tasks one after another; "group", members of one group; or "map", a group whose
            members are made from a range as the run goes on.
        tasks: how many no-op tasks.
        window: how many members of a group or map may be in flight.
        synchronous: "full" or "normal", as SQLite means it.
        folder: where the program may write; empty at first.
        options: what only some programs understand.
    """

    work: str
    tasks: int
    window: int
    synchronous: str
    folder: str
    options: Mapping[str, Any]

    def database(self, name: str) -> Path:
        """Return the path of the database for the warm-up or for the measured run."""
        return Path(self.folder, f"{name}.db")


Answer = dict[str, Any]
"""At least ``seconds``: from the call that runs the work to its return, with every result recorded.

``serve`` adds what the process had resident at most, in bytes: ``peak``, and ``before`` the work began.
"""


def peak_bytes() -> int:
    """Return the most memory that this process has had resident, interpreter and imports included.

    Linux's ``ru_maxrss`` may still hold what the parent had when it started this process; VmHWM does not.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def serve(execute: Callable[[Job, int, str], Answer]) -> None:
    """Warm up, measure, and print the answer.

    Args:
        execute: takes the job, a number of tasks and the name of a fresh database.
    """
    job = Job(*json.loads(sys.argv[1]))
    if job.options.get("warm_up", True):
        execute(job, min(WARM_UP, job.tasks), WARM_UP_NAME)
    before = peak_bytes()
    answer = execute(job, job.tasks, MEASURED_NAME)
    print(ANSWER + json.dumps({"before": before, "peak": peak_bytes(), **answer}), flush=True)
