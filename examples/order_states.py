"""An order as a state machine: steps are classes, edges have conditions, and an order can be cancelled.

What is out of stock is ordered and looked for again: an edge that goes back begins another round.
"""

from __future__ import annotations

import asyncio
from typing import Any

from durable import TaskExecutionContext
from durable.definition.workflow_definition import Edge, WorkflowDefinition
from durable.definition.registry import WorkflowRegistry
from durable.definition.steps import BaseMachineStep
from durable.runs.local_engine import LocalExecutionEngine


class Receive(BaseMachineStep):
    """The order comes in; ``paid`` is what the shop says of it."""

    async def execute(self, context: TaskExecutionContext) -> None:
        context.set("state", "received")


class FindStock(BaseMachineStep):
    """Look whether everything is there."""

    async def execute(self, context: TaskExecutionContext) -> None:
        context.set("missing", context.get("missing", 0))


class Reorder(BaseMachineStep):
    """Buy one of what is missing."""

    timeout_seconds = 60.0

    async def execute(self, context: TaskExecutionContext) -> None:
        context.get_channel().atomic_add("missing", -1)


class Pack(BaseMachineStep):
    """Put it into a box."""

    async def execute(self, context: TaskExecutionContext) -> None:
        context.set("state", "packed")


class Ship(BaseMachineStep):
    """The parcel leaves."""

    def execute(self, context: TaskExecutionContext) -> str:
        context.set("state", "shipped")
        return f"parcel {context.idempotency_key}"


class Cancel(BaseMachineStep):
    """Nothing leaves."""

    async def execute(self, context: TaskExecutionContext) -> str:
        context.set("state", "cancelled")
        return "cancelled"


def paid(context: Any) -> bool:
    """Whether the money has come."""
    return bool(context.get("paid"))


orders = WorkflowDefinition(
    "order_states",
    version="1",
    steps={
        "received": Receive,
        "stock": FindStock,
        "reorder": Reorder,
        "packed": Pack,
        "shipped": Ship,
        "cancelled": Cancel,
    },
    edges=[
        Edge("received", "stock", paid),
        Edge("received", "cancelled", lambda ctx: not paid(ctx)),
        Edge("stock", "reorder", lambda ctx: ctx.get("missing") > 0),
        Edge("reorder", "stock"),
        Edge("stock", "packed", lambda ctx: ctx.get("missing") == 0),
        Edge("packed", "shipped"),
    ],
    initial_step="received",
    terminal_steps={"shipped", "cancelled"},
)
registry = WorkflowRegistry()
registry.register_definition(orders)


async def main() -> None:
    async with LocalExecutionEngine(registry) as engine:
        shipped = await engine.start_workflow("order_states", {"paid": True, "missing": 2})
        print(f"{shipped.context.get('state')}: {shipped.result}")
        assert shipped.context.get("state") == "shipped"
        assert shipped.context.get("missing") == 0

        cancelled = await engine.start_workflow("order_states", {"paid": False})
        print(f"not paid: {cancelled.result}")
        assert cancelled.result == "cancelled"
    assert '|"paid"|' in orders.to_mermaid()


if __name__ == "__main__":
    asyncio.run(main())
