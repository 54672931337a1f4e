"""Maximum of failures: a budget. Two broken rows of a batch are tolerated, three are not."""

from __future__ import annotations

from durable import MaxFailuresPolicy, ParallelGroupError, Workflow, parallel, task, workflow


@task
def parse(row: str) -> int:
    return int(row)


def batch(name: str, rows: list[str]) -> Workflow:
    """Return a workflow that parses each row in a member of its own."""
    with workflow(name) as wf:
        members = [parse(task_id=f"row_{number}", row=row) for number, row in enumerate(rows)]
        wf.add(parallel(*members, name="rows").with_execution(policy=MaxFailuresPolicy(max_failures=2)))
    return wf


if __name__ == "__main__":
    fine = batch("max_failures_within", ["1", "2", "three", "4", "five"]).execute()
    print(f"two failures are within the budget: {fine}")
    assert fine == {"row_0": 1, "row_1": 2, "row_3": 4}

    failed = []
    try:
        batch("max_failures_over", ["one", "2", "three", "4", "five"]).execute()
    except ParallelGroupError as error:
        print(f"three are not: {error.message}")
        failed = [name for name, _ in error.failed_tasks]
    assert failed == ["row_0", "row_2", "row_4"]
