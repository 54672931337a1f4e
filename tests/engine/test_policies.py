"""Policies in runs: what they see, what they may ask for, and that whatever they raise is a verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durable import (
    BestEffortGroupPolicy,
    DefinitionError,
    GroupExecutionPolicy,
    ParallelGroupError,
    Store,
    StrictGroupPolicy,
    TaskExecutionContext,
    parallel,
    task,
    workflow,
)
from tests.conftest import Died
from tests.engine.reading import appends, count, fields, statuses


@task
def a() -> int:
    return 1


@task
def b() -> int:
    return 2


@task
def breaks() -> None:
    raise ValueError("broke")


class DurableCalls(GroupExecutionPolicy):
    """A policy made of a function."""

    def __init__(self, judge: Callable[[dict[str, Any], Any], None]) -> None:
        self.judge = judge

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        self.judge(results, context)


def test_a_policy_sees_group_members_and_results(store: Store) -> None:
    """The live tasks and every TaskResult, with values and errors on demand."""
    seen: dict[str, Any] = {}

    class Looks:
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            seen.update(group=group_id, tasks=[task.task_id for task in tasks], results=results)
            seen["value"] = results["a"].value
            seen["error"] = results["breaks"].error

    with workflow("w", store=store) as wf:
        parallel(a, breaks, name="g").with_execution(policy=Looks())
    assert wf.execute() == {"a": 1}
    assert (seen["group"], seen["tasks"], list(seen["results"])) == ("g", ["a", "breaks"], ["a", "breaks"])
    assert seen["value"] == 1
    assert (seen["error"].type, seen["error"].message) == ("ValueError", "broke")


@pytest.mark.parametrize("base", [StrictGroupPolicy, BestEffortGroupPolicy])
def test_a_policy_made_of_a_built_in_one_is_asked_when_all_succeeded(store: Store, base: Any) -> None:
    """Only durable's own policies are known to be content then; another one may still find fault with a value."""

    class Fussy(base):  # type: ignore[misc]
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            super().on_group_finished(group_id, tasks, results, context)
            if results["b"].value == 2:
                raise ParallelGroupError("b is 2", group_id=group_id)

    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy=Fussy())
    with pytest.raises(ParallelGroupError, match="b is 2"):
        wf.execute(run_id="r")


def test_a_policys_retry_runs_the_member_again_with_its_metadata(store: Store) -> None:
    """No verdict, the request and the metadata in one append; then judged again; what follows waits."""

    @task
    def flaky(context: TaskExecutionContext) -> int:
        if context.attempt < 3:
            raise OSError("not yet")
        return context.attempt

    def judge(results: dict[str, Any], context: Any) -> None:
        if not results["flaky"].success:
            context.metadata["rounds"] = context.metadata.get("rounds", 0) + 1
            context.next_task(results["flaky"])

    @task
    def after(context: TaskExecutionContext, flaky: int) -> tuple[int, int]:
        return context.metadata["rounds"], flaky

    with workflow("w", store=store) as wf:
        parallel(a, flaky, name="g").with_execution(policy=DurableCalls(judge)) >> after
    run = wf.start(run_id="r")
    assert run.result() == (2, 3)
    assert (count(run, "GroupRetryRequested"), count(run, "GroupSucceeded")) == (2, 1)
    assert count(run, "TaskStarted", "a") == 1
    asked = [append for append in appends(store, "r") if "GroupRetryRequested g" in append]
    assert all("MetadataWritten g" in append and "TaskReopened flaky" in append for append in asked)
    assert count(run, "TaskStarted", "after") == 1


def test_rounds_do_not_count_against_the_members_attempts(store: Store) -> None:
    """Each round has a fresh budget of retries."""

    @task(max_retries=1)
    def flaky(context: TaskExecutionContext) -> int:
        if context.attempt < 4:
            raise OSError
        return context.attempt

    def judge(results: dict[str, Any], context: Any) -> None:
        if not results["flaky"].success:
            context.next_task("flaky")

    with workflow("w", store=store) as wf:
        parallel(flaky, name="g").with_execution(policy=DurableCalls(judge))
    assert wf.execute() == {"flaky": 4}


def test_a_policy_that_raises_drops_its_requests_and_its_metadata(store: Store) -> None:
    """A refusal is final for its round."""

    def judge(results: dict[str, Any], context: Any) -> None:
        context.metadata["k"] = 1
        context.next_task("breaks")
        raise ParallelGroupError("enough")

    with workflow("w", store=store) as wf:
        parallel(breaks, name="g").with_execution(policy=DurableCalls(judge))
    run = wf.start()
    with pytest.raises(ParallelGroupError, match="enough"):
        run.result()
    assert (count(run, "GroupRetryRequested"), count(run, "MetadataWritten")) == (0, 0)


def test_a_policy_can_ask_only_for_its_own_members(store: Store) -> None:
    """Anything else is named in the refusal."""
    with workflow("w", store=store) as wf:
        parallel(a, name="g").with_execution(policy=DurableCalls(lambda results, context: context.next_task("b")))
    with pytest.raises(ParallelGroupError, match="'b' is not a member of group 'g'"):
        wf.execute()


class TwoArguments(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} {two}")


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("oops"), TwoArguments(1, 2), SystemExit(3), RecursionError("deep"), AssertionError()]
)
def test_a_policy_that_raises_something_else_is_a_verdict_of_failure(store: Store, error: BaseException) -> None:
    """The group fails with what was raised; live and from the log alike; the store is usable."""

    def judge(results: dict[str, Any], context: Any) -> None:
        raise error

    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy=DurableCalls(judge))
    for _ in range(2):
        with pytest.raises(ParallelGroupError, match=f"policy of group 'g' raised .*{type(error).__name__}"):
            wf.execute(run_id="r")
    assert store.run("r") is not None


@pytest.mark.parametrize(
    "refusal",
    [
        {"message": "no", "failed_tasks": [("a", ValueError("x"))]},
        {"message": "no", "failed_tasks": [("a", 3)]},
        {"message": "no", "successful_tasks": [5]},
        {"message": 5},
        {"message": "lone surrogate \ud800"},
        {"message": "no", "failed_tasks": ["ab"]},
        {"message": "no", "failed_tasks": ["a"]},
    ],
)
def test_a_carelessly_made_refusal_still_is_a_verdict(store: Store, refusal: dict[str, Any]) -> None:
    """What a policy puts into its ParallelGroupError cannot keep the verdict from being recorded and read again."""

    def judge(results: dict[str, Any], context: Any) -> None:
        raise ParallelGroupError(**refusal)

    with workflow("w", store=store) as wf:
        parallel(a, name="g").with_execution(policy=DurableCalls(judge))
    messages = []
    for _ in range(2):
        with pytest.raises(ParallelGroupError) as caught:
            wf.execute(run_id="r")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_policys_early_opinion_may_be_wrong_typed_and_still_fails_only_its_group(store: Store) -> None:
    """A ``decide`` that raises is a verdict of failure, not the end of the drive."""

    class Broken:
        def on_group_finished(self, *_: Any) -> None: ...

        def decide(self, results: Any, remaining: Any) -> bool:
            raise ZeroDivisionError

    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy=Broken(), decide_early=True, max_concurrent=1)
    with pytest.raises(ParallelGroupError, match="ZeroDivisionError"):
        wf.execute()


def test_min_success_larger_than_the_group_is_refused_before_anything_runs(store: Store) -> None:
    """It can never be reached."""
    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy={"type": "at_least_n", "min_success": 3})
    with pytest.raises(DefinitionError, match="can never be reached"):
        wf.execute(run_id="r")
    assert store.run("r") is None


def test_an_unknown_critical_member_is_refused_before_anything_runs(store: Store) -> None:
    """With the members that there are."""
    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy={"type": "critical", "critical_task_ids": ["c"]})
    with pytest.raises(DefinitionError, match=r"no member 'c'.*'a', 'b'"):
        wf.execute(run_id="r")
    assert store.run("r") is None


def test_the_verdict_records_the_policy(store: Store) -> None:
    """The log says by which rule."""
    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy={"type": "max_failures", "max_failures": 1})
    assert fields(wf.start(), "GroupSucceeded")["policy"] == {"type": "max_failures", "max_failures": 1}


def test_a_recorded_verdict_stands(process: Callable[..., Any]) -> None:
    """Killed right after the verdict: the policy is not asked again, and what follows starts once."""
    asked: list[int] = []
    ran: list[int] = []

    @task
    def after() -> str:
        ran.append(1)
        return "after"

    with workflow("w") as wf:
        group = parallel(a, b, name="g")
        group.with_execution(policy=DurableCalls(lambda results, context: asked.append(1)), backend="direct") >> after
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=4))
    before = len(asked)
    run = wf.start(run_id="r", store=process())
    assert run.result() == "after"
    assert (before, len(asked), count(run, "GroupSucceeded")) == (1, 1, 1)
    assert len(ran) == 2  # it ran when the process died: at least once, and recorded once
    assert count(run, "TaskSucceeded", "after") == 1
    assert statuses(run)["g"] == "succeeded"
