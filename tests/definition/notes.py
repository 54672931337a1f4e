"""Steps that write down that they ran, and definitions made of them."""

from __future__ import annotations

from typing import Any

from durable import Run, Store
from durable.definition.steps import BaseMachineStep
from durable.definition.workflow_definition import Edge, WorkflowDefinition
from durable.runs.start import start_run


class Note(BaseMachineStep):
    """Writes down that it ran."""

    def execute(self, context: Any) -> str:
        context.get_channel().append("ran", self.name)
        return self.name


def define(
    edges: list[Edge], *, steps: dict[str, Any] | None = None, terminal: set[str] | None = None
) -> WorkflowDefinition:
    """Make a definition of ``Note`` steps; the first edge's source is the initial one."""
    names = list(dict.fromkeys(name for edge in edges for name in (edge.source, edge.target)))
    return WorkflowDefinition(
        "flow",
        steps=dict.fromkeys(names, Note) | (steps or {}),
        edges=edges,
        initial_step=names[0],
        terminal_steps=terminal or {names[-1]},
    )


def run(definition: WorkflowDefinition, store: Store, **initial: Any) -> Run:
    """Run it to its end."""
    return start_run(definition.workflow, store=store, initial=initial)


def ran(found: Run) -> list[str]:
    """What ran, in order, by short names."""
    return [str(e.task_id).rpartition("/")[2] for e in found.events() if e.type == "TaskStarted"]


def named(name: str) -> Note:
    """Make a ``Note`` with a name of its own."""
    made = Note()
    made.name = name
    return made


class Count(BaseMachineStep):
    """Counts its rounds in the channel, under its own name."""

    async def execute(self, context: Any) -> int:
        return int(context.get_channel().atomic_add(self.name))


def rework(rounds: int) -> WorkflowDefinition:
    """Draft, review until it is good enough, publish."""
    return define(
        [
            Edge("draft", "review"),
            Edge("review", "edit", lambda ctx: ctx.get("review") < rounds),
            Edge("edit", "review"),
            Edge("review", "publish", lambda ctx: ctx.get("review") >= rounds),
        ],
        steps={"draft": Count, "review": Count, "edit": Count, "publish": Count},
        terminal={"publish"},
    )
