"""From tasks and groups as they are written to what the log records of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from durable.core.specs import GroupSpec, MapSpec, TaskSpec
from durable.definition.expressions import ParallelGroup
from durable.definition.fingerprint import fingerprint, source_of
from durable.definition.task import Task
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from durable.definition.expressions import Node
    from durable.definition.maps import MapGroup


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


def group_spec(
    group: ParallelGroup, name: str, name_of: Callable[[Node], str], items: MapSpec | None = None
) -> GroupSpec:
    """Return what the log records of a group.

    Args:
        group: the group.
        name: its id in the run.
        name_of: gives the id in the run of a node in it.
        items: how its members are made, if it is a map.

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
        group.fail_fast or group.policy.fail_fast or (items is not None and group.policy.is_budget),
        group.decide_early,
        name_of(group.callback) if group.callback is not None else None,
        items,
        group.rate,
        group.chunk,
    )


def map_spec(group: MapGroup, args: str, source: str, is_node: Callable[[str], bool]) -> MapSpec:
    """Return what the log records of how a map's members are made.

    Args:
        group: the map.
        args: digest of the arguments that are bound for all members.
        source: id of the task or group whose result the items are; "" without one.
        is_node: whether a task or group has that name, so that a parameter of that name is its result.

    Raises:
        DefinitionError: the task has no parameter left for an item.
    """
    task = group.task
    own = group.source.task_id if group.source is not None else ""
    free = [name for name in task.signature.names if name not in task.bound]
    found = [name for name in free if name in (own, group.task_id) or not is_node(name)]
    if not found:
        raise DefinitionError(
            f"task {task.task_id!r} has no free parameter for the items of {group.task_id!r}",
            task_id=group.task_id,
            hint="Give its function a parameter that is neither bound nor named after another task",
        )
    return MapSpec(task_spec(task, args), found[0], source, group.keyed)


@lru_cache(maxsize=1024)
def _about(function: Callable[..., Any]) -> tuple[str, str]:
    return fingerprint(function), source_of(function)
