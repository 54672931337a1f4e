"""From tasks and groups as they are written to what the log records of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from durable.core.specs import GroupSpec, TaskSpec
from durable.definition.fingerprint import fingerprint, source_of
from durable.definition.groups import ParallelGroup
from durable.definition.task import Task

if TYPE_CHECKING:
    from durable.definition.expressions import Node


def task_spec(task: Task[Any], args: str = "", name: str | None = None) -> TaskSpec:
    """Return what the log records of a task.

    Args:
        task: the task.
        args: digest of its bound arguments.
        name: its id in the run, if that is not its own.
    """
    code, source = _about(task.fn)
    return TaskSpec(
        name or task.task_id,
        code if task.version is None else f"version:{task.version}",
        source,
        args,
        task.timeout,
        task.retry.max_attempts if task.retry is not None else None,
        task.deadline,
        task.max_cycles,
        task.coroutine,
    )


def group_spec(group: ParallelGroup, name: str, name_of: Callable[[Node], str]) -> GroupSpec:
    """Return what the log records of a group.

    Args:
        group: the group.
        name: its id in the run.
        name_of: gives the id in the run of a node in it.

    Raises:
        DefinitionError: a member cannot run where the group runs.
    """
    group.check_bodies()
    return GroupSpec(
        name,
        tuple(tuple(map(name_of, line)) for line in group.lines()),
        group.policy.describe(),
        group.limit,
        group.backend_name,
        group.timeout,
        group.fail_fast or group.policy.fail_fast,
        group.decide_early,
        name_of(group.callback) if group.callback is not None else None,
    )


@lru_cache(maxsize=1024)
def _about(function: Callable[..., Any]) -> tuple[str, str]:
    return fingerprint(function), source_of(function)
