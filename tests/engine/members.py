"""Members for the tests of groups: two that succeed, one that fails."""

from __future__ import annotations

from durable import task


@task
def a() -> int:
    return 1


@task
def b() -> int:
    return 2


@task
def breaks() -> None:
    raise ValueError("broke")
