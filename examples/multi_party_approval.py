"""Several people have to agree: human steps in a strict group. Each may answer at any time, in any order.

The program answers itself through the engine, as a web handler would. Between the calls nothing runs; the
run waits in the store, and any process can continue it.
"""

from __future__ import annotations

import asyncio

from durable import FeedbackRefused, TaskExecutionContext, parallel
from durable.definition.registry import WorkflowRegistry
from durable.definition.steps import BaseHumanStep, BaseMachineStep
from durable.definition.workflow_definition import Edge, WorkflowDefinition
from durable.runs.local_engine import LocalExecutionEngine

PARTIES = ("legal", "finance", "security")


class Draft(BaseMachineStep):
    """Writes the contract."""

    async def execute(self, context: TaskExecutionContext) -> None:
        context.set("contract", f"Contract with {context.get('customer')}")


class Approval(BaseHumanStep):
    """One party's signature. Who refuses fails the step, and with it the strict group."""

    form_schema = {  # noqa: RUF012 - a constant
        "type": "object",
        "properties": {"approved": {"type": "boolean"}, "comment": {"type": "string"}},
        "required": ["approved"],
    }

    async def execute(self, context: TaskExecutionContext) -> dict[str, object]:
        form: dict[str, object] = await super().execute(context)
        if not form["approved"]:
            raise PermissionError(f"{self.name} refuses: {form.get('comment', 'no comment')}")
        return form


class Sign(BaseMachineStep):
    """Runs once all have agreed."""

    async def execute(self, context: TaskExecutionContext) -> str:
        return f"{context.get('contract')}, signed by {', '.join(PARTIES)}"


registry = WorkflowRegistry()


@registry.register
def contracts() -> WorkflowDefinition:
    """Return what is registered; also a class with these attributes would do."""
    approvals = parallel(*(Approval(party, f"Sign for {party}") for party in PARTIES))
    return WorkflowDefinition(
        "multi_party_approval",
        steps={"draft": Draft, "approvals": approvals.with_execution(policy="strict"), "sign": Sign},
        edges=[Edge("draft", "approvals"), Edge("approvals", "sign")],
        initial_step="draft",
        terminal_steps={"sign"},
    )


async def main() -> None:
    async with LocalExecutionEngine(registry) as engine:
        begun = await engine.start_workflow("multi_party_approval", {"customer": "Ada"})
        waiting = await engine.pending_tasks(begun.run_id)
        print(f"{begun.status}: {', '.join(one.step for one in waiting)} are asked")
        assert {one.step for one in waiting} == set(PARTIES)

        try:
            await engine.complete_human_task(begun.run_id, "legal", {"approved": "maybe"}, user="eva")
        except FeedbackRefused as error:
            print(f"refused: {error.message}")

        for party, user in zip(PARTIES, ("eva", "finn", "sam"), strict=True):
            ended = await engine.complete_human_task(begun.run_id, party, {"approved": True}, user=user)
            print(f"{user} has signed for {party}: {ended.status}")
        assert ended.result == "Contract with Ada, signed by legal, finance, security"

    # Another engine, as in another process, over the same store.
    async with LocalExecutionEngine(registry) as engine:
        other = await engine.start_workflow("multi_party_approval", {"customer": "Bob"})
        await engine.complete_human_task(other.run_id, "finance", {"approved": False, "comment": "too dear"})
        for party in ("legal", "security"):
            other = await engine.complete_human_task(other.run_id, party, {"approved": True})
        print(f"{other.status}: {other.error}")
        assert other.status == "failed"
        assert other.context.get("finance.comment") == "too dear"


if __name__ == "__main__":
    asyncio.run(main())
