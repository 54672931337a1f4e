"""A policy of your own: derive from GroupExecutionPolicy and raise when the group failed.

This one asks for a majority and, when there is none, names those who were against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from durable import GroupExecutionPolicy, ParallelGroupError, TaskResult, Workflow, parallel, task, workflow


class Majority(GroupExecutionPolicy):
    """More members must succeed than fail."""

    def on_group_finished(
        self, group_id: str, tasks: Sequence[Any], results: Mapping[str, TaskResult], context: Any
    ) -> None:
        self._validate_group_results(group_id, tasks, results)
        against = [(name, result.error_message or "") for name, result in results.items() if not result.success]
        if 2 * len(against) >= len(results):
            raise ParallelGroupError(
                f"no majority: {len(against)} of {len(results)} are against",
                group_id=group_id,
                failed_tasks=against,
                successful_tasks=[name for name, result in results.items() if result.success],
            )


@task
def vote(name: str, yes: bool) -> str:
    if not yes:
        raise PermissionError(f"{name} says no")
    return "yes"


def council(name: str, votes: Mapping[str, bool]) -> Workflow:
    """Return a workflow in which everyone votes at the same time."""
    with workflow(name) as wf:
        members = [vote(task_id=who, name=who, yes=yes) for who, yes in votes.items()]
        wf.add(parallel(*members, name="council").with_execution(policy=Majority()))
    return wf


if __name__ == "__main__":
    carried = council("custom_policy_yes", {"ada": True, "ben": False, "cleo": True}).execute()
    print(f"carried by {', '.join(carried)}")
    assert carried == {"ada": "yes", "cleo": "yes"}

    run = council("custom_policy_no", {"ada": True, "ben": False, "cleo": False, "dan": True}).start()
    against = []
    try:
        run.result()
    except ParallelGroupError as error:
        print(error.message)
        against = [name for name, _ in error.failed_tasks]
    assert against == ["ben", "cleo"]
    assert run.status == "failed"
