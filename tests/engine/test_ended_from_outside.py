"""A run that is ended from outside, with a result: soon, although a body hangs or the run is being suspended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from durable import Store, TaskExecutionContext, open_run, open_store, parallel, task, workflow
from durable.runs.start import start_run
from tests.engine.hanging import WAIT, hanging, last
from tests.engine.reading import fields, statuses


@task
def first() -> int:
    return 1


@task
def asks(context: TaskExecutionContext, question: bool = False) -> Any:
    if question:
        return context.request_feedback("go on?", timeout=0).approved
    context.sleep(0.002)
    return True


@pytest.fixture
def free() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_driven_run_is_ended_from_outside(free: threading.Event, tmp_path: Path) -> None:
    """With a result, soon, although a body hangs; the caller gets it, and so does whoever asks again."""
    hangs, begun = hanging(free)
    url = f"sqlite:///{tmp_path}/runs.db?synchronous=normal"
    said: list[bool] = []

    def end() -> None:
        assert begun.wait(WAIT)
        with open_run("r", store=url) as run:
            said.append(run.terminate("enough", reason="late", actor="ann"))

    with open_store(url) as store, workflow("w", store=store) as wf:
        parallel(hangs, first, name="g") >> last
        thread = threading.Thread(target=end)
        thread.start()
        assert wf.execute(run_id="r") == "enough"
        thread.join(WAIT)
        assert said == [True]
        assert not free.is_set()
        run = open_run("r", store=store)
        assert fields(run, "RunSucceeded") == {"terminated": "", "actor": "ann", "reason": "late"}
        assert statuses(run) == {"hangs": "cancelled", "first": "succeeded", "g": "cancelled", "last": "skipped"}
        assert wf.resume("r") == "enough"
        assert not run.cancel()
        assert not run.terminate("other")


@pytest.mark.parametrize("kind", ["cancel", "terminate"])
def test_an_end_that_comes_while_the_run_is_being_suspended_is_not_lost(store: Store, kind: str) -> None:
    """The driver does not look into the inbox any more and still has the lease: it looks once more after it."""
    said: list[bool] = []

    def while_suspending(state: Any, events: Any) -> None:
        if events[-1].type == "RunSuspended":
            said.append(getattr(open_run("r", store=store), kind)())

    with workflow("w", store=store) as wf:
        wf.add(asks(question=True))
    run = start_run(wf, run_id="r", store=store, observers=[while_suspending])
    assert said == [True]
    assert run.status == {"cancel": "cancelled", "terminate": "succeeded"}[kind]
    assert store.inbox("r") == []


@pytest.mark.parametrize("kind", ["cancel", "terminate"])
def test_a_body_on_the_driver_is_left_at_its_next_durable_call(tmp_path: Path, kind: str) -> None:
    """A long body of a plain chain does not run to its end once somebody has ended its run."""
    done: list[int] = []
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:

        @task
        def long(context: TaskExecutionContext) -> None:
            for item in context.track(range(2000)):
                done.append(item)
                if item == 3:
                    run = open_run("r", store)
                    (run.cancel if kind == "cancel" else run.terminate)()
                time.sleep(0.005)

        with workflow("w", store=store) as wf:
            wf.add(long)
        run = wf.start(run_id="r")
        assert run.status == ("cancelled" if kind == "cancel" else "succeeded")
        assert len(done) < 1000
        assert statuses(run)["long"] == "cancelled"
