"""A class definition for the crash tests: a fork and a join, a person, conditions, and an edge that goes back."""

from __future__ import annotations

from typing import Any

from durable.definition.workflow_definition import Edge, WorkflowDefinition
from durable.definition.steps import BaseHumanStep, BaseMachineStep


class Draft(BaseMachineStep):
    """Writes a text, another one in each round."""

    def execute(self, context: Any) -> str:
        context.get_channel().append("drafts", len(context.get("drafts", [])) + 1)
        return f"draft {len(context.get('drafts'))}"


class Check(BaseMachineStep):
    """Looks at it while others do."""

    async def execute(self, context: Any) -> int:
        return await context.step(len, self.name)


class Review(BaseHumanStep):
    """Somebody says whether it is good."""

    title = "Is it good?"
    form_schema = {"type": "object", "properties": {"good": {"type": "boolean"}}, "required": ["good"]}  # noqa: RUF012


class Publish(BaseMachineStep):
    """The end."""

    def execute(self, context: Any) -> list[Any]:
        return [context.get("drafts"), context.get("review")]


class Archive(BaseMachineStep):
    """Another branch, which is taken as well."""

    def execute(self, context: Any) -> str:
        return f"archived {context.get('review.good')}"


review = WorkflowDefinition(
    "review",
    steps={
        "draft": Draft,
        "spelling": Check,
        "facts": Check,
        "review": Review,
        "publish": Publish,
        "archive": Archive,
        "never": Archive,
        "done": Publish,
    },
    edges=[
        Edge("draft", "spelling"),
        Edge("draft", "facts"),
        Edge("spelling", "review"),
        Edge("facts", "review"),
        Edge("review", "draft", lambda context: not context.get("review.good")),
        Edge("review", "publish", lambda context: context.get("review.good")),
        Edge("review", "archive", lambda context: context.get("review.good")),
        Edge("review", "never", lambda context: context.get("review.good") is None),
        Edge("publish", "done"),
        Edge("archive", "done"),
        Edge("never", "done"),
    ],
    initial_step="draft",
    terminal_steps=["done"],
)
