"""Strict, the default: every member of a group must succeed, or the group and the run fail."""

from __future__ import annotations

from durable import ParallelGroupError, parallel, task, workflow


@task
def invoices() -> int:
    return 120


@task
def payments() -> int:
    raise ValueError("the bank's file is empty")


@task
def balance(imports: dict[str, int]) -> int:
    return sum(imports.values())


with workflow("strict") as wf:
    parallel(invoices, payments, name="imports") >> balance

if __name__ == "__main__":
    run = wf.start()
    failure = None
    try:
        run.result()
    except ParallelGroupError as error:
        print(error)
        failure = error
    assert failure is not None
    assert (failure.group_id, failure.successful_tasks) == ("imports", ["invoices"])
    assert [name for name, _ in failure.failed_tasks] == ["payments"]
    # What did succeed is in the log, and `balance` did not start with half of its input.
    assert run.status == "failed"
    assert run.results == {"invoices": 120}
    print(f"kept for a resume: {run.results}")
