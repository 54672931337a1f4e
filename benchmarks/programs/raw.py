"""The yardstick: the standard library's sqlite3, in WAL mode, one INSERT and one COMMIT a task.

That is the least that anybody can do who makes each task's result durable before the next task begins.

Options: ``autocheckpoint``: pages, instead of SQLite's default.
"""

from __future__ import annotations

import sqlite3
from time import perf_counter

from benchmarks.protocol import Answer, Job, serve


def execute(job: Job, count: int, name: str) -> Answer:
    """Insert so many rows, each in a transaction of its own."""
    opening = perf_counter()
    connection = sqlite3.connect(job.database(name))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {job.synchronous}")
    if "autocheckpoint" in job.options:
        connection.execute(f"PRAGMA wal_autocheckpoint = {int(job.options['autocheckpoint'])}")
    connection.execute("CREATE TABLE done (seq INTEGER PRIMARY KEY, task_id TEXT NOT NULL, value TEXT)")
    began = perf_counter()
    for number in range(count):
        connection.execute("INSERT INTO done (task_id, value) VALUES (?, ?)", (f"t{number}", "null"))
        connection.commit()
    ended = perf_counter()
    connection.close()
    return {"seconds": ended - began, "whole": perf_counter() - opening, "version": sqlite3.sqlite_version}


if __name__ == "__main__":
    serve(execute)
