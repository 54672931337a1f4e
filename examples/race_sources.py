"""A race: a fast source that often fails and a reliable one that is slow; whichever answers first is enough."""

from __future__ import annotations

import time

from durable import RaceGroup, TaskExecutionContext, task, workflow


@task
def cache(key: str, cached: bool) -> str:
    if not cached:
        raise KeyError(f"{key} is not in the cache")
    return f"{key} from the cache"


@task
def archive(key: str, context: TaskExecutionContext) -> str:
    for _ in range(100):  # a thread cannot be stopped, but it can look whether anybody still waits for it
        if context.cancelled:
            break
        time.sleep(0.01)
    return f"{key} from the archive"


@task
def show(document: dict[str, str]) -> str:
    [(source, text)] = document.items()
    return f"{source} won: {text}"


with workflow("race_sources") as wf:
    RaceGroup(cache, archive, name="document") >> show

if __name__ == "__main__":
    for cached in (True, False):
        run = wf.start(initial={"key": "page 7", "cached": cached})
        print(f"{run.result()}; the archive {run.task_results('document')['archive'].status}")
        winner = "cache" if cached else "archive"
        assert run.result() == f"{winner} won: page 7 from the {winner}"
