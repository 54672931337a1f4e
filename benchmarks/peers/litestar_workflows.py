"""litestar-workflows with its LocalExecutionEngine, which keeps runs in memory: nothing is recorded.

Parallel steps all start at once there, with no limit to measure at, so only the chain is measured.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from itertools import pairwise
from time import perf_counter

from litestar_workflows import (
    BaseMachineStep,
    Edge,
    LocalExecutionEngine,
    WorkflowContext,
    WorkflowDefinition,
    WorkflowRegistry,
)

from benchmarks.protocol import Answer, Job, serve


class Noop(BaseMachineStep):
    """A step that does nothing."""

    async def execute(self, context: WorkflowContext) -> None:
        """Do nothing."""


def chain_of(count: int) -> type:
    """Return a workflow class of so many steps."""
    names = [f"t{number}" for number in range(count)]
    definition = WorkflowDefinition(
        name="chain",
        version="1",
        description="",
        steps={name: Noop(name, "") for name in names},
        edges=[Edge(before, after) for before, after in pairwise(names)],
        initial_step=names[0],
        terminal_steps={names[-1]},
    )

    class Chain:
        """What the registry takes."""

        @classmethod
        def get_definition(cls) -> WorkflowDefinition:
            """Return the definition."""
            return definition

    return Chain


async def run(count: int) -> float:
    """Return the seconds that a run of so many steps takes."""
    made = chain_of(count)
    registry = WorkflowRegistry()
    registry.register(made)
    engine = LocalExecutionEngine(registry)
    began = perf_counter()
    instance = await engine.start_workflow(made)
    await engine._running[instance.id]  # the task that runs it; polling the status would measure the polling
    ended = perf_counter()
    assert instance.status == "completed", instance
    return ended - began


def execute(job: Job, count: int, name: str) -> Answer:
    """Run a workflow of so many steps."""
    assert job.work == "chain", job
    return {"seconds": asyncio.run(run(count)), "version": version("litestar-workflows")}


if __name__ == "__main__":
    serve(execute)
