"""A script with Graflow that is killed and started again: ``python restart_graflow.py FOLDER COUNT``.

See ``programs/resumable.py``. Graflow records nothing by itself: the last no-op task asks for a
checkpoint, and the second time the script begins from that file.
"""

from __future__ import annotations

import sys

# This file's folder has a graflow.py of its own.
sys.path.pop(0)

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from graflow.core.checkpoint import CheckpointManager
from graflow.core.decorators import task
from graflow.core.engine import WorkflowEngine
from graflow.core.workflow import workflow

FOLDER = Path(sys.argv[1])
COUNT = int(sys.argv[2])
KEPT = FOLDER / "kept"


def noop() -> None:
    """Do nothing."""


def last(context: Any) -> None:
    """Ask for a checkpoint, which is made once this task is done."""
    context.checkpoint(path=str(KEPT))


def reached() -> None:
    """Wait to be killed; the second time, note when this line was reached."""
    moment = time.monotonic_ns()
    mark = FOLDER / "reached"
    if not mark.exists():
        mark.touch()
        time.sleep(600)
    (FOLDER / "resumed").write_text(str(moment), encoding="utf-8")


def begin() -> None:
    """Run the chain from its first task."""
    with workflow("chain") as made:
        tasks: list[Any] = [task(f"t{number}")(noop) for number in range(COUNT - 1)]
        tasks += [task("last", inject_context=True)(last), task("reached")(reached)]
        for before, after in pairwise(tasks):
            before >> after
        made.execute("t0", max_steps=COUNT + 10)


if __name__ == "__main__":
    if KEPT.with_suffix(".pkl").exists():
        context, _ = CheckpointManager.resume_from_checkpoint(f"{KEPT}.pkl")
        WorkflowEngine().execute(context)
    else:
        begin()
