"""Workflows as classes: steps, edges with conditions, rounds, human steps, a group of people, two versions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from durable import (
    BaseHumanStep,
    BaseMachineStep,
    Edge,
    LocalExecutionEngine,
    RetryPolicy,
    Store,
    TaskExecutionContext,
    WorkflowDefinition,
    WorkflowRegistry,
    parallel,
    task,
)

ABOUT = "Class definitions: conditions, human steps with forms, rounds, a group of human steps, a step whose edges fail"
bodies: list[str] = []
mended = False


class AddUp(BaseMachineStep):
    timeout_seconds = 30.0
    retry = RetryPolicy(max_attempts=2, initial_interval=1)

    async def execute(self, context: TaskExecutionContext) -> None:
        bodies.append("add_up")
        context.set("total", sum(context.get("prices")))


class Approve(BaseHumanStep):
    title = "Approve the order"
    description = "Look at the total"
    form_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"approved": {"type": "boolean"}, "comment": {"type": "string"}},
        "required": ["approved"],
    }


class Ship(BaseMachineStep):
    def execute(self, context: TaskExecutionContext) -> str:
        bodies.append("ship")
        return f"shipped for {context.get('total')}"


class Refuse(BaseMachineStep):
    async def execute(self, context: TaskExecutionContext) -> str:
        bodies.append("refuse")
        return f"refused: {context.get('approve.comment')}"


def cheap(context: Any) -> bool:
    return context.get("total") <= 100


orders = WorkflowDefinition(
    name="orders",
    version="1",
    description="Small orders are shipped at once, others when somebody approves.",
    steps={"add_up": AddUp, "approve": Approve, "ship": Ship, "refuse": Refuse},
    edges=[
        Edge("add_up", "ship", cheap),
        Edge("add_up", "approve", lambda ctx: not cheap(ctx)),
        Edge("approve", "ship", lambda ctx: ctx.get("approve.approved")),
        Edge("approve", "refuse", lambda ctx: not ctx.get("approve.approved")),
    ],
    initial_step="add_up",
    terminal_steps={"ship", "refuse"},
)


class Review(BaseMachineStep):
    async def execute(self, context: TaskExecutionContext) -> None:
        bodies.append("review")
        context.get_channel().atomic_add("rounds")


class Proof(BaseHumanStep):
    title = "Is it right?"
    expires_in = 3600.0

    def on_expired(self, context: TaskExecutionContext) -> None:
        context.set("proof", "nobody looked")


@task
def publish(rounds: int, proof: Any) -> str:
    bodies.append("publish")
    return f"published after {rounds} reviews: {proof}"


document = WorkflowDefinition(
    name="document",
    steps={"review": Review, "proof": Proof, "publish": publish},
    edges=[
        Edge("review", "proof"),
        Edge("proof", "review", lambda ctx: ctx.get("rounds") < 2),
        Edge("proof", "publish", lambda ctx: ctx.get("rounds") == 2),
    ],
    initial_step="review",
    terminal_steps={"publish"},
)


class Legal(BaseHumanStep):
    title = "Legal"


class Finance(BaseHumanStep):
    title = "Finance"


class Sign(BaseMachineStep):
    def execute(self, context: TaskExecutionContext) -> str:
        bodies.append("sign")
        return f"signed: {context.get('legal')}, {context.get('finance')}"


contract = WorkflowDefinition(
    name="contract",
    version="2",
    steps={
        "people": parallel(Legal("legal"), Finance("finance"), name="people"),
        "sign": Sign,
    },
    edges=[Edge("people", "sign")],
    initial_step="people",
    terminal_steps={"sign"},
)


class Dead(BaseMachineStep):
    def execute(self, context: TaskExecutionContext) -> int:
        bodies.append("dead")
        context.set("way", mended)
        return 1


stuck = WorkflowDefinition(
    name="stuck",
    steps={"dead": Dead, "ship": Ship},
    edges=[Edge("dead", "ship", lambda ctx: ctx.get("way"))],
    initial_step="dead",
    terminal_steps={"ship"},
)

registry = WorkflowRegistry()
for definition in (orders, document, contract, stuck):
    registry.register_definition(definition)


def _start(name: str, run_id: str, *answers: tuple[str, Any], **initial: Any) -> Any:
    async def make(store: Store) -> None:
        async with LocalExecutionEngine(registry, store) as engine:
            await engine.start_workflow(name, initial, run_id=run_id)
            for step, form in answers:
                await engine.complete_human_task(run_id, step, form, user="eva")

    return lambda store: asyncio.run(make(store))


def expired(store: Store) -> None:
    _start("document", "expired")(store)
    store.clock.advance(7200)  # type: ignore[attr-defined]
    _start("document", "expired")(store)


RUNS: dict[str, Any] = {
    "small": _start("orders", "small", prices=[20, 30]),
    "waiting": _start("orders", "waiting", prices=[500]),
    "refused": _start("orders", "refused", ("approve", {"approved": False, "comment": "too dear"}), prices=[500]),
    "second-round": _start("document", "second-round", ("proof", "wrong")),
    "expired": expired,
    "one-signed": _start("contract", "one-signed", ("legal", {"ok": True})),
    "stuck": _start("stuck", "stuck", total=3),
}
SENDS: dict[str, list[tuple[object, ...]]] = {
    "waiting": [("answer", "approve", {"approved": True})],
    "second-round": [("answer", None, "right")],
    "expired": [("answer", None, "late but right")],
    "one-signed": [("answer", "finance", "yes")],
}
