"""DBOS Transact with SQLite: each task is a step of one workflow, called by ``DBOS.run_step``.

A group is awaited by ``asyncio.gather`` in batches of the window, as steps have no limit of their own.

Options: ``journal``: "delete" (what DBOS leaves as SQLite has it) or "wal" (set on the file beforehand).
"""

from __future__ import annotations

import asyncio
import sqlite3
from importlib.metadata import version
from time import perf_counter

import sqlalchemy
from dbos import DBOS

from benchmarks.protocol import Answer, Job, serve

LEVEL = ["full"]


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
def set_synchronous(connection: sqlite3.Connection, _record: object) -> None:
    """Give every connection that DBOS opens the setting of the job."""
    connection.execute(f"PRAGMA synchronous = {LEVEL[0]}")


def noop() -> None:
    """Do nothing."""


async def noop_async() -> None:
    """Do nothing."""


@DBOS.workflow()
def run_chain(count: int) -> None:
    """Run steps one after another."""
    for number in range(count):
        DBOS.run_step({"name": f"t{number}"}, noop)


@DBOS.workflow()
async def run_group(count: int, window: int) -> None:
    """Run steps in parallel, a window of them at a time."""
    for first in range(0, count, window):
        numbers = range(first, min(first + window, count))
        await asyncio.gather(*[DBOS.run_step_async({"name": f"t{number}"}, noop_async) for number in numbers])


def execute(job: Job, count: int, name: str) -> Answer:
    """Run one workflow of so many steps in a fresh database."""
    LEVEL[0] = job.synchronous
    path = job.database(name)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA journal_mode = {job.options.get('journal', 'delete')}")
    connection.close()
    DBOS(config={"name": "benchmark", "system_database_url": f"sqlite:///{path}", "log_level": "ERROR"})
    DBOS.launch()
    try:
        began = perf_counter()
        if job.work == "chain":
            run_chain(count)
        else:
            asyncio.run(run_group(count, job.window))
        ended = perf_counter()
    finally:
        DBOS.destroy()
    return {"seconds": ended - began, "version": version("dbos")}


if __name__ == "__main__":
    serve(execute)
