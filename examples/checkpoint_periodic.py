"""Checkpoints inside of long bodies: the process is killed twice, and no step and no document is done twice.

``ctx.checkpoint`` saves a state every ten steps, ``ctx.track`` goes on after the last item that was finished.
The work is done in a child process that kills itself; this one starts it again until it is done.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from durable import TaskExecutionContext, task, workflow

DOCUMENTS = ["apples", "pears", "plums", "figs"]


def note(ctx: TaskExecutionContext, what: str) -> None:
    """Write down what was really done: a file knows better than a process that dies."""
    with Path(ctx.get("ledger")).open("a") as ledger:
        ledger.write(f"{what}\n")


def die_once(ctx: TaskExecutionContext, name: str) -> None:
    marker = Path(ctx.get("ledger")).with_name(name)
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@task
def train(ctx: TaskExecutionContext) -> float:
    state = ctx.checkpoint_state or {"step": 0, "loss": 1000.0}
    while state["step"] < 40:
        state["step"] += 1
        state["loss"] *= 0.9
        note(ctx, f"step {state['step']}")
        if state["step"] % 10 == 0:
            ctx.checkpoint(state)
        if state["step"] == 20:
            die_once(ctx, "killed-in-train")
    return round(state["loss"], 3)


@task
def score(ctx: TaskExecutionContext, train: float) -> float:
    for document in ctx.track(DOCUMENTS):
        if document == "plums":
            die_once(ctx, "killed-in-score")
        note(ctx, f"document {document}")
        ctx.get_channel().atomic_add("letters", len(document))
    return train


@task
def report(ctx: TaskExecutionContext, score: float) -> str:
    return f"loss {score}, {ctx.get('letters')} letters"


with workflow("checkpoint_periodic") as wf:
    train >> score >> report

if __name__ == "__main__" and len(sys.argv) > 1:
    print("done:", wf.execute(run_id=sys.argv[1], initial={"ledger": sys.argv[2]}), flush=True)

elif __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="durable-example-") as folder:
        ledger = Path(folder, "ledger.txt")
        command = [sys.executable, __file__, f"periodic-{secrets.token_hex(4)}", str(ledger)]
        while subprocess.run(command).returncode == -signal.SIGKILL:
            print("killed after:", ledger.read_text().splitlines()[-1], flush=True)
        done = ledger.read_text().splitlines()
    expected = [f"step {number}" for number in range(1, 41)] + [f"document {name}" for name in DOCUMENTS]
    assert done == expected
    print(f"{len(done)} steps and documents, each done once")
