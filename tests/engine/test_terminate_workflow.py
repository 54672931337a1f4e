"""A body ends its run: ``terminate_workflow`` and ``cancel_workflow``, however its attempt ends."""

from __future__ import annotations

import pytest

from durable import Store, TaskExecutionContext, parallel, task, workflow
from tests.engine.reading import statuses
from tests.engine.scheduling import RAN, diamond, endpoint, work


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


def test_ending_the_run_from_a_task(store: Store) -> None:
    """The run succeeds with that result; what had not run is skipped, and what was staged is committed."""

    def body(context: TaskExecutionContext) -> None:
        context.set("k", 1)
        context.terminate_workflow({"early": True})

    wf = diamond(body)
    run = wf.start(run_id="r", store=store)
    assert run.result() == {"early": True}
    assert statuses(run) == {"first": "succeeded", "usual": "skipped", "last": "skipped"}
    assert "k" in run.load_state().channel
    assert wf.execute(run_id="r", store=store) == {"early": True}


def test_cancelling_the_run_from_a_task(store: Store) -> None:
    """However the attempt ends; nothing else starts, also after a resume."""
    for fails in (False, True):

        def body(context: TaskExecutionContext, fails: bool = fails) -> None:
            context.cancel_workflow(ValueError("no budget"))
            if fails:
                raise OSError

        run = diamond(body).start(run_id=f"r{fails}", store=store)
        assert run.status == "cancelled"
        assert statuses(run)["usual"] == "skipped"
        with pytest.raises(Exception, match="the run was cancelled: no budget"):
            run.result()


def test_a_member_that_ends_the_run_takes_its_group_and_what_it_scheduled_with_it(store: Store) -> None:
    """Members that run are cancelled, what has not started is skipped."""

    @task
    def ends(context: TaskExecutionContext) -> None:
        context.next_task(endpoint)
        context.terminate_workflow([1])

    @task
    def slow(context: TaskExecutionContext) -> None:
        context.sleep(5_000)

    with workflow("w", store=store) as wf:
        parallel(ends, slow, name="g") >> work(n=3)
    run = wf.start()
    assert run.result() == [1]
    assert statuses(run) == {
        "ends": "succeeded", "slow": "cancelled", "g": "cancelled", "work": "skipped", "ends/endpoint": "skipped",
    }  # fmt: skip
