"""A folder with a run of every outcome, a damaged log and files that cannot be taken: what commands may fail at."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from durable.cli import exit_codes
from tests.cli.place import Here

FLOW = """
    import os, signal
    from durable import TaskExecutionContext, task, workflow

    @task
    def first():
        return 1

    def obey():
        if os.path.exists("fail"):
            raise ValueError("bad row")
        if os.path.exists("stop"):
            os.kill(os.getpid(), signal.SIGINT)

    @task
    def second(first):
        obey()
        return first

    @task
    def third(second):
        obey()
        return second

    @task
    def ask(ctx: TaskExecutionContext):
        return ctx.request_feedback("Publish?", request_id="publish").approved

    with workflow("etl") as etl:
        first >> second >> third

    with workflow("asking") as asking:
        asking.add(ask)
"""
CHANGED = """
    from durable import task, workflow

    @task
    def zeroth():
        return 0

    @task
    def first(zeroth):
        return zeroth

    @task
    def second(first):
        return first

    with workflow("etl") as etl:
        zeroth >> first >> second
"""
FILES = {
    "flow.py": FLOW,
    "changed.py": CHANGED,
    "broken.py": "raise RuntimeError('not today')\n",
    "empty.py": "rows = []\n",
    "text.db": "this is no database, and it is long enough to be looked at\n" * 20,
}
OTHER_RESULT = "UPDATE events SET payload = '2' WHERE payload = '1' AND run = (SELECT run FROM runs WHERE run_id = ?)"


def make(here: Here) -> None:
    """Write the files, and bring runs to what their ids say."""
    for name, text in FILES.items():
        here.write(name, text)
    for run_id in ("done", "damaged", "pruned"):
        here("run", "flow.py:etl", "--run-id", run_id)
    here("prune", "pruned")
    here("run", "flow.py:asking", "--run-id", "suspended", exits=exit_codes.SUSPENDED)
    _spoilt(here, "fail", "failed", exit_codes.FAILED)
    _spoilt(here, "stop", "interrupted", exit_codes.SIGINT)
    _spoilt(here, "stop", "cancelled", exit_codes.SIGINT)
    here("cancel", "cancelled")
    with closing(sqlite3.connect(here.path / ".durable" / "runs.db")) as connection, connection:
        changed = connection.execute(OTHER_RESULT, ("damaged",)).rowcount
    assert changed


def _spoilt(here: Here, marker: str, run_id: str, code: int) -> None:
    """Run the workflow while the file is there that lets its second task fail, or interrupts it."""
    here.write(marker, "")
    here("run", "flow.py:etl", "--run-id", run_id, "--grace", "30", exits=code)
    (here.path / marker).unlink()
