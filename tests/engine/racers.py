"""Members for the tests of races: two that win, one that cannot."""

from __future__ import annotations

from durable import task


@task
def one() -> int:
    return 1


@task
def two() -> int:
    return 2


@task
def fails() -> None:
    raise ValueError("no")
