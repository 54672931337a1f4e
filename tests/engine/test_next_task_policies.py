"""Policies of groups that are scheduled, and tasks that policies schedule: once, also after a crash."""

from __future__ import annotations

from typing import Any

import pytest

from durable import GroupExecutionPolicy, ParallelGroupError, Store, TaskExecutionContext, parallel, task, workflow
from tests.engine.cutting import cuts
from tests.engine.reading import trail
from tests.engine.scheduling import RAN, check_cuts, endpoint, fails_once, work
from tests.engine.single import single


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


class Odd(GroupExecutionPolicy):
    """At least ``odd`` members return odd numbers. Not a built-in: it is recorded by value or by name."""

    type = "odd"

    def __init__(self, odd: int) -> None:
        self.odd = odd

    def describe(self) -> Any:
        return {"type": "odd", "odd": self.odd}

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        RAN[f"policy {sorted(results)} {sorted(task.task_id for task in tasks)}"] += 1
        found = [name for name, result in results.items() if result.value % 2]
        if len(found) < self.odd:
            raise ParallelGroupError(f"{len(found)} odd", group_id=group_id)


def test_a_policy_object_of_a_group_made_at_run_time_survives_a_crash(store: Store) -> None:
    """It judges with its own parameters and sees members by their short ids."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        members = [work(task_id=f"w{n}", n=n) for n in range(3)]
        context.next_task(parallel(*members, name="g").with_execution(policy=Odd(1)))

    wf = single(body, store)
    run = wf.start(run_id="r")
    seen = "policy ['w0', 'w1', 'w2'] ['w0', 'w1', 'w2']"
    assert RAN[seen] == 1
    check_cuts(wf, run)
    for seq, part in cuts(run):
        judged = any(event.type == "GroupSucceeded" for event in run.events() if event.seq <= seq)
        RAN.clear()
        wf.execute(run_id="r", store=part)
        assert RAN[seen] == (0 if judged else 1)


def test_the_policy_of_a_group_made_at_run_time_can_fail_it(store: Store) -> None:
    """The run fails with the group's error, and can be judged again."""

    def body(context: TaskExecutionContext) -> None:
        context.next_task(parallel(work(n=2), name="g").with_execution(policy=Odd(1)))

    wf = single(body, store)
    with pytest.raises(ParallelGroupError, match="0 odd"):
        wf.execute(run_id="r")
    assert wf.resume("r", policy="best_effort") == {"work": 4}


class Adds(GroupExecutionPolicy):
    """Succeeds, and has another task run after the verdict; asks for one more attempt of failed members first."""

    type = "adds"

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        context.next_task(endpoint)
        failed = [result for result in results.values() if not result.success]
        for result in failed if not context.metadata.get("asked") else ():
            context.metadata["asked"] = True
            context.next_task(result)


@pytest.mark.parametrize("dynamic", [False, True])
def test_what_a_policy_schedules_runs_after_the_verdict_once(store: Store, dynamic: bool) -> None:
    """Not with a request for another attempt."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        if dynamic:
            context.next_task(parallel(fails_once, name="g").with_execution(policy=Adds()))

    with workflow("w", store=store) as wf:
        first = task(body)
        if dynamic:
            wf.add(first)
        else:
            first >> parallel(fails_once, name="g").with_execution(policy=Adds())
    run = wf.start(run_id="r")
    group = "body/g" if dynamic else "g"
    assert run.result() == f"{group}/endpoint"
    order = trail(run, "Group", "TasksScheduled", "TaskStarted")
    assert order[order.index(f"GroupStarted {group}") :] == [
        f"GroupStarted {group}",
        f"TaskStarted {group.replace('g', 'fails_once')}",
        f"GroupRetryRequested {group}",
        f"TaskStarted {group.replace('g', 'fails_once')}",
        f"TasksScheduled {group}",
        f"GroupSucceeded {group}",
        f"TaskStarted {group}/endpoint",
    ]


def test_a_scheduled_group_whose_policy_is_gone_fails_and_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The drive goes on; the run says what is missing, and succeeds once it is there again."""
    from durable import GroupExecutionPolicy, ParallelGroupError, open_store, parallel
    from durable.definition import compile as compiling
    from durable.errors import PayloadError

    class Lenient(GroupExecutionPolicy):
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None: ...

    @task
    def member() -> int:
        return 1

    @task
    def plans(ctx: TaskExecutionContext) -> None:
        ctx.next_task(parallel(member, name="g").with_execution(policy=Lenient()))

    def gone(*_: object) -> Any:
        raise PayloadError("Lenient is gone")

    with workflow("w", store=open_store("memory://")) as wf:
        wf.add(plans)
    with monkeypatch.context() as patched:
        patched.setattr(compiling, "scheduled_policy", gone)
        with pytest.raises(ParallelGroupError, match="Lenient is gone"):
            wf.execute(run_id="r")
    assert wf.resume("r") == {"member": 1}
