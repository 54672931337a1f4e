"""Arguments: what the body of an attempt is called with, from bindings, results, the channel and items of maps.

It resolves and loads; it calls nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from durable.definition.task import Task
from durable.errors import DefinitionError, UnresolvedParameter, UpstreamUnavailable
from durable.values.payloads import decode

if TYPE_CHECKING:
    from durable.engine.attempt_port import AttemptPort


class Member(NamedTuple):
    """What a member of a map needs that other tasks do not.

    Attributes:
        home: the map's id, under which the live code has what its members share.
        parameter: the one that gets the item.
        item: returns a node's item.
    """

    home: str
    parameter: str
    item: Callable[[int], Any]


def arguments_of(attempt: AttemptPort) -> tuple[list[Any], dict[str, Any]]:
    """Return the body's arguments: by position, and by name.

    Raises:
        UpstreamUnavailable, UnresolvedParameter: nothing gives a parameter that has no default.
        PayloadError: a value cannot be read.
    """
    signature, code, home = attempt.task.signature, attempt.code, attempt.home
    if home in code.unstorable:
        raise code.unstorable[home]
    given = _iteration_arguments(attempt)
    member = attempt.member
    if member is not None and member.parameter not in given:
        given = {**given, member.parameter: member.item(attempt.node)}
    named = {
        name: _argument(attempt, name) for name in signature.names if name not in given and _is_given(attempt, name)
    }
    own = code.bound.get(home)
    named |= attempt.task.bound if own is None else decode(own.encoding, own.data)
    named |= given
    if signature.context is not None:
        named[signature.context] = attempt.make_context()
    if not signature.positional:
        return [], named
    first = [named.pop(name) if name in named else signature.defaults[name] for name in signature.positional]
    return first, named


def next_arguments(attempt: AttemptPort, data: Any) -> Mapping[str, Any]:
    """Return all arguments of the next iteration: those of this one, and what changes.

    Args:
        attempt: the attempt that asks for it.
        data: a value for the first free parameter, or the task with arguments bound.

    Raises:
        DefinitionError: another task, or no parameter to give the value to.
    """
    task, given = attempt.task, _iteration_arguments(attempt)
    if isinstance(data, Task):
        if data.fn is not task.fn and data.template != task.template:
            raise DefinitionError(
                f"next_iteration repeats {task.task_id!r}; it cannot go to {data.task_id!r}",
                task_id=task.task_id,
                hint="Use next_task for another task",
            )
        return {**given, **data.bound}
    if data is None:
        return given
    free = [name for name in task.signature.names if name not in task.bound and _source(attempt, name) is None]
    own = [name for name in free if name in given or name not in attempt.view.channel]
    if not own and len(free) != 1:
        raise DefinitionError(
            f"task {task.task_id!r} has no parameter of its own for the next iteration's data",
            task_id=task.task_id,
            hint=f"Say which: next_iteration({task.template}(name=value))" if free else "Give it a parameter",
        )
    return {**given, (own or free)[0]: data}


def _iteration_arguments(attempt: AttemptPort) -> Mapping[str, Any]:
    """The arguments that the present iteration was given."""
    return (attempt.view.load(attempt.round) or {}) if attempt.round else {}


def _is_given(attempt: AttemptPort, name: str) -> bool:
    """Whether a parameter needs to be resolved; one that stays at its default does not."""
    if name in attempt.task.bound:
        return False
    node, view = _source(attempt, name), attempt.view
    if node is not None and view.has_value(node):
        return True
    if node is None and name in view.channel:
        return True
    if name in attempt.task.signature.optional:
        return False
    if node is not None:
        raise UpstreamUnavailable(
            f"{name!r} ended without a value, which parameter {name!r} needs",
            run_id=view.run_id,
            task_id=attempt.task.task_id,
            hint="Give the parameter a default to run without it",
        )
    raise UnresolvedParameter(
        f"nothing gives parameter {name!r} a value",
        run_id=view.run_id,
        task_id=attempt.task.task_id,
        hint="Bind it, give it a default, or have an upstream task set that channel key",
    )


def _source(attempt: AttemptPort, name: str) -> int | None:
    """The node whose result a parameter is; a callback's first one that nothing else gives is its group's."""
    code, channel = attempt.code, attempt.view.channel
    node = code.upstream[attempt.home].get(name)
    if node is None and code.chords:
        group, free = code.chords.get(attempt.home, (None, ()))
        if name == next((one for one in free if one not in channel), None):
            return group
    return node


def _argument(attempt: AttemptPort, name: str) -> Any:
    node = _source(attempt, name)
    if node is not None:
        return attempt.view.value(node)
    return attempt.view.read_channel(name, attempt.view.channel[name])
