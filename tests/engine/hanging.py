"""A body that hangs until its test is over, for the tests of runs that are ended meanwhile."""

from __future__ import annotations

import threading
from typing import Any

from durable import task

WAIT = 20.0


@task
def last() -> str:
    return "finished"


def hanging(free: threading.Event) -> Any:
    """A task that hangs until the test is over, and a flag that it has begun."""
    begun = threading.Event()

    @task
    def hangs() -> None:
        begun.set()
        free.wait(WAIT)

    return hangs, begun
