"""A diamond: two branches fork and join again. The join waits for both, and runs once."""

from __future__ import annotations

from durable import task, workflow


@task
def load() -> list[int]:
    return [3, 1, 2]


@task
def smallest(load: list[int]) -> int:
    return min(load)


@task
def largest(load: list[int]) -> int:
    return max(load)


@task
def span(smallest: int, largest: int) -> int:
    return largest - smallest


with workflow("diamond") as wf:
    load >> smallest >> span
    load >> largest >> span

if __name__ == "__main__":
    run = wf.start()
    started = [event.task_id for event in run.events() if event.type == "TaskStarted"]
    print(f"{' -> '.join(str(name) for name in started)}: {run.result()}")
    assert run.result() == 2
    assert started.count("span") == 1
    assert started[-1] == "span"
