"""Three tasks, each of which takes the results of those before it."""

from __future__ import annotations

from durable import task


@task
def one() -> int:
    return 1


@task
def two(one: int) -> int:
    return one + 1


@task
def three(one: int, two: int) -> int:
    return one + two
