"""Composed policies: the checksum must match AND at most one of the copies may fail."""

from __future__ import annotations

from durable import (
    AllOf,
    CriticalGroupPolicy,
    MaxFailuresPolicy,
    ParallelGroupError,
    Workflow,
    parallel,
    task,
    workflow,
)


@task
def checksum(works: bool) -> str:
    if not works:
        raise ValueError("the checksum does not match")
    return "9f2c"


@task
def copy(place: str, works: bool) -> str:
    if not works:
        raise OSError(f"{place} is full")
    return place


def backup(name: str, checksum_works: bool, full: frozenset[str]) -> Workflow:
    """Return a workflow that checks a file and copies it to three places."""
    rule = AllOf(CriticalGroupPolicy(critical_task_ids=["checksum"]), MaxFailuresPolicy(max_failures=1))
    with workflow(name) as wf:
        copies = [copy(task_id=place, place=place, works=place not in full) for place in ("disk", "tape", "cloud")]
        wf.add(parallel(checksum(works=checksum_works), *copies, name="backup").with_execution(policy=rule))
    return wf


if __name__ == "__main__":
    done = backup("all_of_fine", True, frozenset({"tape"})).execute()
    print(f"one full place is fine: {list(done)}")
    assert list(done) == ["checksum", "disk", "cloud"]

    for name, checksum_works, full in (("all_of_checksum", False, ()), ("all_of_copies", True, ("tape", "cloud"))):
        try:
            backup(name, checksum_works, frozenset(full)).execute()
        except ParallelGroupError as error:
            print(f"{name}: {error.message}")
        else:
            raise AssertionError(f"{name} must fail")
