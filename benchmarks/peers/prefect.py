"""Prefect with the server that it starts by itself, which keeps states in SQLite; results are not kept.

States reach the server on their own way, so that some may still be on it when the flow has returned.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from benchmarks.protocol import Answer, Job, serve


def execute(job: Job, count: int, name: str) -> Answer:
    """Run one flow of so many tasks, against one server for warm-up and measurement."""
    os.environ["PREFECT_HOME"] = str(Path(job.folder, "home"))
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"
    from prefect import flow, task
    from prefect.task_runners import ThreadPoolTaskRunner

    @task
    def noop() -> None:
        """Do nothing."""

    @flow
    def run_chain() -> None:
        for _ in range(count):
            noop()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=job.window))
    def run_group() -> None:
        for future in [noop.submit() for _ in range(count)]:
            future.result()

    began = perf_counter()
    (run_chain if job.work == "chain" else run_group)()
    return {"seconds": perf_counter() - began, "version": version("prefect")}


if __name__ == "__main__":
    serve(execute)
