"""What attempts have scheduled: dropped when they fail, kept by retries, resumes and changed definitions."""

from __future__ import annotations

import pytest

from durable import RetryPolicy, StepLimitExceeded, Store, TaskExecutionContext, TaskFailed, Workflow, task, workflow
from tests.engine.cutting import cuts, done
from tests.engine.reading import count
from tests.engine.scheduling import RAN, endpoint, work
from tests.engine.single import single


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


BROKEN: list[bool] = []


@task
def fragile(context: TaskExecutionContext) -> str:
    RAN[context.task_id] += 1
    if BROKEN:
        raise ValueError("no")
    return "mended"


def test_what_a_failed_attempt_scheduled_is_dropped_and_a_retry_does_not_double_it(store: Store) -> None:
    """Only the attempt that succeeds schedules."""

    def body(context: TaskExecutionContext) -> None:
        context.next_task(work(n=context.attempt))
        if context.attempt < 3:
            context.next_task(endpoint)
            raise OSError

    run = single(body, store, retry=RetryPolicy(max_attempts=5, initial_interval=0)).start()
    assert run.result() == 9
    assert RAN == {"body/work": 1}


def test_a_failed_scheduled_task_fails_the_run_and_a_resume_runs_only_it(store: Store) -> None:
    """Its scheduler is not run again."""
    BROKEN.append(True)

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(fragile)

    wf = single(body, store)
    with pytest.raises(TaskFailed, match="'body/fragile' failed: ValueError: no"):
        wf.execute(run_id="r")
    BROKEN.clear()
    assert wf.resume("r") == "mended"
    assert RAN == {"body": 1, "body/fragile": 2}


def test_a_scheduled_task_keeps_its_settings(store: Store) -> None:
    """Retries of the task that it is an instance of."""

    @task(max_retries=2)
    def flaky(context: TaskExecutionContext) -> int:
        if context.attempt < 3:
            raise OSError
        return context.attempt

    def body(context: TaskExecutionContext) -> None:
        context.next_task(flaky)

    assert single(body, store).execute() == 3


def test_scheduled_tasks_count_as_steps(store: Store) -> None:
    """Recursion without end comes to one."""

    @task
    def again(context: TaskExecutionContext) -> None:
        context.next_task(again)

    with workflow("w", store=store) as wf:
        wf.add(again)
    run = wf.start(max_steps=10)
    with pytest.raises(StepLimitExceeded):
        run.result()
    assert count(run, "TaskStarted") == 10


def test_a_definition_that_changes_after_a_crash_keeps_what_was_scheduled(store: Store) -> None:
    """A new task before what has not started: scheduled tasks keep ids and results, whatever their numbers are now."""

    def flow(version: int) -> Workflow:
        @task
        def body(context: TaskExecutionContext) -> int:
            for n in range(2):
                context.next_task(work(n=n + 1))
            return version

        between = task(id="between")(lambda: RAN.update(between=1))
        last = task(id="last")(lambda body: body)
        with workflow("w") as wf:
            if version == 1:
                body >> last
            else:
                body >> between >> last
        return wf

    run = flow(1).start(run_id="r", store=store)
    for seq, part in cuts(run):
        if "last" in {event.task_id for event in run.events() if event.seq <= seq}:
            continue
        RAN.clear()
        result = flow(2).resume("r", store=part)
        before = done(run, seq)
        assert result == {"body/work": 1, "body/work#2": 4, "last": 1 if "body" in before else 2}
        assert RAN["between"] == 1
        assert RAN["body/work"] == ("body/work" not in before)
