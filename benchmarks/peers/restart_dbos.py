"""A script with DBOS that is killed and started again: ``python restart_dbos.py FOLDER COUNT``.

See ``programs/resumable.py``. The second time, ``DBOS.launch()`` finds the workflow and goes on with it.
"""

from __future__ import annotations

import sys

# This file's folder has a dbos.py of its own.
sys.path.pop(0)

import sqlite3
import time
from pathlib import Path

import sqlalchemy
from dbos import DBOS, SetWorkflowID

FOLDER = Path(sys.argv[1])
COUNT = int(sys.argv[2])


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
def set_synchronous(connection: sqlite3.Connection, _record: object) -> None:
    """Let every commit reach the disk."""
    connection.execute("PRAGMA synchronous = FULL")


def noop() -> None:
    """Do nothing."""


def reached() -> None:
    """Wait to be killed; the second time, note when this line was reached."""
    moment = time.monotonic_ns()
    mark = FOLDER / "reached"
    if not mark.exists():
        mark.touch()
        time.sleep(600)
    (FOLDER / "resumed").write_text(str(moment), encoding="utf-8")


@DBOS.workflow()
def run_chain(count: int) -> None:
    """Run steps one after another, then the one that is killed."""
    for number in range(count):
        DBOS.run_step({"name": f"t{number}"}, noop)
    DBOS.run_step({"name": "reached"}, reached)


if __name__ == "__main__":
    path = FOLDER / "runs.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    DBOS(config={"name": "benchmark", "system_database_url": f"sqlite:///{path}", "log_level": "ERROR"})
    DBOS.launch()
    with SetWorkflowID("run"):
        handle = DBOS.start_workflow(run_chain, COUNT)
    handle.get_result()
    DBOS.destroy()
