"""Fragments, what attempts have scheduled, as payloads; and from a recorded one back to live code.

Live code is found by name: what the workflow has comes before what was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec.structs import replace

from durable.core.graph import Graph
from durable.core.policies import GroupExecutionPolicy, make_policy
from durable.core.specs import Fragment, Recipe, Window
from durable.definition.task import Task
from durable.values.payloads import Payload, decode, decode_raw, encode_raw

_to_json = msgspec.json.Encoder().encode


def split(fragment: Fragment) -> tuple[Fragment, dict[str, list[Window]]]:
    """Take the items of maps out of a fragment: they are recorded as events of their own."""
    return (replace(fragment, windows={}), fragment.windows) if fragment.windows else (fragment, {})


def encode_fragment(fragment: Fragment) -> Payload:
    """Return a fragment as a payload."""
    return encode_raw(_to_json(fragment), "json")


def decode_fragment(encoding: str | None, data: bytes | None) -> Fragment:
    """Return the fragment that a TasksScheduled event carries. Raises ``msgspec.MsgspecError``."""
    return _decoder().decode(decode_raw(encoding, data)[1])


@cache  # to make it takes a millisecond, and most runs schedule nothing
def _decoder() -> msgspec.json.Decoder[Fragment]:
    return msgspec.json.Decoder(Fragment)


def scheduled_task(graph: Graph, node: int, templates: Mapping[str, Task[Any]]) -> tuple[Task[Any], Payload | None]:
    """Make the live task of a node that was scheduled.

    Args:
        graph: the run's graph.
        node: the task.
        templates: the workflow's tasks by id, which come before what was recorded.

    Returns:
        The task, and its bound arguments encoded: every attempt gets a copy of its own.

    Raises:
        PayloadError: its code or its arguments cannot be read.
    """
    fragment, recipe = graph.recipes[node]
    return _made(fragment, recipe, graph.task(node).source, graph.ids[node], templates)


def scheduled_map_task(graph: Graph, node: int, templates: Mapping[str, Task[Any]]) -> tuple[Task[Any], Payload | None]:
    """Make the live task that the members of a scheduled map are made of. See ``scheduled_task``."""
    fragment, recipe = graph.map_recipes[node]
    spec = graph.group(node).map
    assert spec is not None
    return _made(fragment, recipe, spec.task.source, spec.task.id, templates)


def _made(
    fragment: Fragment, recipe: Recipe, source: str, name: str, templates: Mapping[str, Task[Any]]
) -> tuple[Task[Any], Payload | None]:
    template = templates.get(recipe.template)
    if template is None or not _same_name(template, source):
        template = decode(*fragment.templates[recipe.template])
    if recipe.json is not None:
        bound: Payload | None = Payload("json", _to_json(recipe.json))
    else:
        bound = Payload(*recipe.bound) if recipe.bound is not None else None
    arguments = {} if bound is None else decode(bound.encoding, bound.data)
    return template.instance(name, arguments), bound


def scheduled_policy(graph: Graph, node: int) -> GroupExecutionPolicy:
    """Make the policy of a group that was scheduled."""
    stored = graph.policies.get(node)
    if stored is not None:
        return make_policy(decode(*stored))
    return make_policy(graph.group(node).policy)


class MissingPolicy(GroupExecutionPolicy):
    """Stands for the policy of a scheduled group whose code cannot be found: its group fails, and can be resumed.

    Args:
        error: why it cannot be made.
    """

    type = "missing"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Any, context: Any) -> None:
        raise self._error


def _same_name(template: Task[Any], source: str) -> bool:
    """Whether the workflow's task of that id is the function that was scheduled, wherever its file is now."""
    return getattr(template.fn, "__qualname__", "") == source.rpartition(":")[2] or not source
