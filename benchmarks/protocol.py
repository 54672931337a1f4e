"""What the harness and a measured program say to each other. Standard library only.

A program gets one job as JSON, in its only argument, and answers with one line. It times itself, so
that interpreter, imports and warm-up are not in the figure.
"""

from __future__ import annotations

import json
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
        work: "chain", tasks one after another; or "group", members of one group.
        tasks: how many no-op tasks.
        window: how many members of the group may be in flight.
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
"""At least ``seconds``: from the call that runs the work to its return, with every result recorded."""


def serve(execute: Callable[[Job, int, str], Answer]) -> None:
    """Warm up, measure, and print the answer.

    Args:
        execute: takes the job, a number of tasks and the name of a fresh database.
    """
    job = Job(*json.loads(sys.argv[1]))
    if job.options.get("warm_up", True):
        execute(job, min(WARM_UP, job.tasks), WARM_UP_NAME)
    print(ANSWER + json.dumps(execute(job, job.tasks, MEASURED_NAME)), flush=True)
