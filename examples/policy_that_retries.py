"""A policy that retries: it asks for the failed members again, up to three rounds, then gives up.

The rounds are counted in the run's metadata, so a killed run does not start counting anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from durable import GroupExecutionPolicy, ParallelGroupError, TaskExecutionContext, TaskResult, parallel, task, workflow


class ThreeRounds(GroupExecutionPolicy):
    """Every member must succeed, within three rounds."""

    def on_group_finished(
        self, group_id: str, tasks: Sequence[Any], results: Mapping[str, TaskResult], context: Any
    ) -> None:
        failed = [each for each in tasks if not results[each.task_id].success]
        if not failed:
            return
        rounds = context.metadata.get("rounds", 1)
        if rounds == 3:
            raise ParallelGroupError(f"{len(failed)} members failed three times", group_id=group_id)
        context.metadata["rounds"] = rounds + 1
        for each in failed:
            context.next_task(each)  # the group waits for the new attempt and is re-evaluated


@task
def steady() -> str:
    return "at once"


@task
def flaky(ctx: TaskExecutionContext) -> str:
    if ctx.attempt < 3:
        raise ConnectionError(f"attempt {ctx.attempt} got no answer")
    return f"on attempt {ctx.attempt}"


@task
def together(services: dict[str, str]) -> str:
    return ", ".join(f"{name} {when}" for name, when in services.items())


with workflow("policy_that_retries") as wf:
    parallel(steady, flaky, name="services").with_execution(policy=ThreeRounds()) >> together

if __name__ == "__main__":
    run = wf.start()
    print(run.result())
    assert run.result() == "steady at once, flaky on attempt 3"
    started = [event.task_id for event in run.events() if event.type == "TaskStarted"]
    assert (started.count("steady"), started.count("flaky"), started.count("together")) == (1, 3, 1)
    assert sum(event.type == "GroupRetryRequested" for event in run.events()) == 2
