"""A user's script that is killed and started again: the same command both times.

    python resumable.py FOLDER COUNT [chain | map]

After COUNT no-op tasks a task is reached that, the first time, tells so and waits to be killed; when
the script is started again, it notes the moment and returns. With "chain" or "map", a chain of as many
tasks or a map of as many members, a task before it asks for a checkpoint. Not part of a package on
purpose, so that starting it costs what a user's script costs.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from durable import TaskExecutionContext, chain, task, workflow

FOLDER = Path(sys.argv[1])
COUNT = int(sys.argv[2])
SHAPE = sys.argv[3] if sys.argv[3:] else ""


@task
def noop() -> None:
    """Do nothing."""


@task
def member(number: int) -> None:
    """Do nothing with a number."""


@task(inject_context=True)
def keep(ctx: TaskExecutionContext) -> None:
    """Ask for a checkpoint of the run."""
    ctx.checkpoint()


@task
def reached() -> None:
    """Wait to be killed; the second time, note when this line was reached."""
    moment = time.monotonic_ns()
    mark = FOLDER / "reached"
    if not mark.exists():
        mark.touch()
        time.sleep(600)
    (FOLDER / "resumed").write_text(str(moment), encoding="utf-8")


with workflow("resumable", store=FOLDER / "runs.db") as flow:
    if SHAPE == "map":
        member.map(range(COUNT), name="group").with_execution(max_concurrent=64) >> keep >> reached
    else:
        tasks = [noop(task_id=f"t{number}") for number in range(COUNT)]
        chain(*tasks, *([keep] if SHAPE else []), reached)

if __name__ == "__main__":
    flow.execute(run_id="run")
