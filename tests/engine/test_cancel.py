"""Cancelling: for good, at once when nobody drives the run, and recorded with who and why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable import RunCancelled, Store, open_run, parallel, task, workflow
from durable.definition.expressions import Chain
from tests.conftest import Died
from tests.engine.reading import fields, statuses, trail


@task
def a() -> int:
    return 1


@task
def b(a: int) -> int:
    return a + 1


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_an_interrupted_run_is_cancelled_at_once(process: Callable[..., Any]) -> None:
    """What had begun is cancelled, the rest skipped; every way to go on says so and runs nothing."""
    with workflow("w") as wf:
        a >> b
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    store = process()
    with open_run("r", store=store) as run:
        assert run.cancel(reason="not needed", actor="ann")
        assert run.status == "cancelled"
        assert statuses(run) == {"a": "succeeded", "b": "cancelled"}
        assert fields(run, "RunCancelled") == {"actor": "ann", "reason": "not needed"}
        assert not run.cancel()
    seq = run.info.seq
    for go_on in (wf.execute, wf.resume):
        with pytest.raises(RunCancelled, match="run r"):
            go_on(run_id="r", store=store)
    assert store.run("r").seq == seq
    assert store.inbox("r") == []


def test_a_run_that_has_ended_cannot_be_cancelled(store: Store) -> None:
    """Neither a success nor a failure."""

    @task
    def fails() -> None:
        raise ValueError

    for name, body in (("good", a), ("bad", fails)):
        with workflow("w", store=store) as wf:
            wf.add(Chain([body]))
        run = wf.start(run_id=name)
        status = run.status
        assert not run.cancel()
        assert run.status == status


def test_a_driven_run_is_cancelled_by_its_driver(store: Store, released: threading.Event) -> None:
    """Its driver looks into the inbox, gives up what runs, and the caller gets RunCancelled."""

    @task
    def hangs() -> None:
        assert open_run("r", store=store).cancel(reason="stop it")
        assert released.wait(20)

    with workflow("w", store=store) as wf:
        (
            parallel(
                hangs,
                a,
                name="g",
            )
            >> b
        )
    with pytest.raises(RunCancelled):
        wf.execute(run_id="r")
    assert not released.is_set()
    run = open_run("r", store=store)
    assert statuses(run) == {"hangs": "cancelled", "a": "succeeded", "g": "cancelled", "b": "skipped"}
    assert trail(run)[-1] == "RunCancelled"
    assert store.inbox("r") == []


def test_a_cancel_sent_while_nobody_drove_the_run_is_found_by_the_next_drive(process: Callable[..., Any]) -> None:
    """Also when the process that sent it died before it could record it."""
    with workflow("w") as wf:
        a >> b
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    with pytest.raises(Died):
        open_run("r", store=process(appends=0)).cancel()
    store = process()
    with pytest.raises(RunCancelled):
        wf.execute(run_id="r", store=store)
    assert store.inbox("r") == []
