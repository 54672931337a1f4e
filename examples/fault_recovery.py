"""Recovery from a kill: a process dies by SIGKILL in the middle of a group, and another one goes on.

This file starts itself as a child and kills it when two of three parts are in the log. Then it asks what a resume
would do, resumes, and counts the bodies that ran, in both processes together.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from durable import RunNotFound, TaskExecutionContext, open_run, parallel, task, workflow

BODIES = Path(os.environ.setdefault("FAULT_RECOVERY_BODIES", tempfile.mkstemp(prefix="durable-example-")[1]))


def ran(name: str) -> None:
    """Write down that a body ran: a file, because memory dies with its process."""
    with BODIES.open("a") as file:
        file.write(name + "\n")


@task
def load() -> list[int]:
    ran("load")
    return [3, 20, 19]


@task
def work(ctx: TaskExecutionContext, load: list[int], part: int) -> int:
    ran(ctx.task_id)
    time.sleep(60 if part == 2 and ctx.attempt == 1 else 0)  # long enough to be killed in
    return load[part]


@task
def report(parts: dict[str, int]) -> int:
    ran("report")
    return sum(parts.values())


with workflow("fault_recovery") as wf:
    load >> parallel(*(work(task_id=f"part{n}", part=n) for n in range(3)), name="parts") >> report


def in_the_middle(run_id: str) -> bool:
    """Whether two parts are recorded and the third one runs; read while another process writes the log."""
    with suppress(RunNotFound), open_run(run_id) as run:
        done = {event.task_id for event in run.events() if event.type == "TaskSucceeded"}
        return {"part0", "part1"} <= done and "part2" in BODIES.read_text()
    return False


if __name__ == "__main__" and len(sys.argv) > 1:
    wf.execute(run_id=sys.argv[1])
elif __name__ == "__main__":
    run_id = f"fault-recovery-{secrets.token_hex(4)}"
    child = subprocess.Popen([sys.executable, __file__, run_id])
    while child.poll() is None and not in_the_middle(run_id):
        time.sleep(0.02)
    child.kill()
    print(f"the child ended with {child.wait()}; bodies that ran: {BODIES.read_text().split()}")
    assert child.returncode == -9

    plan = wf.plan(run_id).items
    print("\n".join(f"  {item.id}: {item.action}, {item.why}" for item in plan))
    assert [item.id for item in plan if item.action == "run"] == ["part2"]

    result = wf.resume(run_id)
    bodies = Counter(BODIES.read_text().split())
    print(f"the result is {result}; bodies that ran, in both: {dict(bodies)}")
    assert result == 42
    assert bodies == {"load": 1, "part0": 1, "part1": 1, "part2": 2, "report": 1}
