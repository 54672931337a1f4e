"""Checks of class definitions, before anything runs: each error names the step or the edge.

It must not make tasks of steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from durable.definition.back_edges import Shape
from durable.definition.checks import check_id
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from durable.definition.workflow_definition import Edge, WorkflowDefinition


def check_names(workflow: str, steps: Mapping[str, Any]) -> None:
    """Refuse a definition without steps, or with names that cannot be. Raises ``DefinitionError``."""
    if not steps:
        raise DefinitionError(f"the definition {workflow!r} has no steps", hint="Give steps={name: step, ...}")
    for name in steps:
        check_id(name)


def resolved_edges(given: WorkflowDefinition) -> tuple[list[Edge], str, list[str]]:
    """Return the edges with names on both ends, the initial step and the terminal steps.

    Raises:
        DefinitionError: a name that is no step, an edge that stands twice, comes from nowhere or has a condition
            that cannot be called; no initial or no terminal step.
    """
    edges: list[Edge] = []
    seen: set[tuple[str, str]] = set()
    for edge in given.edges:
        source, target = _ends(given, edge)
        if (source, target) in seen:
            raise DefinitionError(
                f"the edge {source} -> {target} stands twice in {given.name!r}", hint="Join the conditions in one edge"
            )
        seen.add((source, target))
        if edge.condition is not None and (not callable(edge.condition) or iscoroutinefunction(edge.condition)):
            raise DefinitionError(
                f"the condition of the edge {source} -> {target} is a function of the context, not {edge.condition!r}",
                hint="Write a plain def or lambda; what needs to wait belongs in a step",
            )
        edges.append(type(edge)(source, target, edge.condition))
    if given.initial_step is None:
        raise DefinitionError(f"the definition {given.name!r} has no initial step", hint="Give initial_step=")
    initial = _name(given, given.initial_step, "initial_step")
    terminals = [_name(given, item, "terminal_steps") for item in given.terminal_steps]
    if not terminals:
        raise DefinitionError(f"the definition {given.name!r} has no terminal step", hint="Give terminal_steps={...}")
    return edges, initial, terminals


def check_ends(
    workflow: str, steps: Sequence[str], edges: Sequence[Edge], shape: Shape, initial: str, terminals: Sequence[str]
) -> None:
    """Refuse steps that cannot be reached, and steps after which no run can end. Raises ``DefinitionError``."""
    reached = shape.reached()
    for name in steps:
        if name not in reached:
            kind = "terminal step" if name in terminals else "step"
            raise DefinitionError(
                f"the {kind} {name!r} of {workflow!r} cannot be reached from the initial step {initial!r}",
                hint="Give it an edge, or remove it",
            )
    ending = shape.ending(terminals)
    for name in steps:
        if name in ending:
            continue
        said = "no terminal step can be reached from it" if any(e.source == name for e in edges) else "it has no edges"
        raise DefinitionError(
            f"the step {name!r} of {workflow!r} is no terminal step and {said}",
            hint="Give it an edge, or name it among the terminal_steps",
        )


def _ends(given: WorkflowDefinition, edge: Any) -> tuple[str, str]:
    if not hasattr(edge, "condition"):
        raise DefinitionError(f"{edge!r} is no edge", hint="Write Edge(source, target, condition=None)")
    if edge.source is None or edge.source == "":
        raise DefinitionError(
            f"an edge into {edge.target!r} comes from nowhere",
            hint="Give it a source; where runs start is initial_step=",
        )
    label = f"the edge {_shown(edge.source)} -> {_shown(edge.target)}"
    return _name(given, edge.source, label), _name(given, edge.target, label)


def _name(given: WorkflowDefinition, item: Any, where: str) -> str:
    """The name of a step that is given by its name or as itself."""
    if isinstance(item, str):
        if item in given.steps:
            return item
    else:
        for name, step in given.steps.items():
            if step is item:
                return name
    raise DefinitionError(
        f"{where} of {given.name!r} names an unknown step {_shown(item)}", hint=f"It has: {', '.join(given.steps)}"
    )


def _shown(item: Any) -> str:
    if isinstance(item, str):
        return repr(item)
    return getattr(item, "__name__", None) or repr(item)
