"""Errors of bodies in other processes arrive with type, traceback and cause, whatever pickle makes of them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from durable import ErrorRecord, ParallelGroupError, PayloadError, RetryPolicy, Store, task, workflow
from tests.engine import process_bodies as bodies
from tests.engine.process_groups import BACKENDS, group_of
from tests.engine.reading import count


@BACKENDS
def test_an_exception_arrives_with_traceback_and_cause(store: Store, backend: Any) -> None:
    """As data in the log, and live as ``__cause__``; it is not taken for a death."""
    with workflow("w", store=store) as wf:
        group_of(bodies.raises(kind="plain"), backend=backend)
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    (live,) = caught.value.__cause__.exceptions  # type: ignore[union-attr]
    assert (type(live), str(live)) == (ValueError, "broke")
    assert repr(live.__cause__) == "KeyError('the cause')"
    assert "raise error from cause" in live.__notes__[0]
    error = run.task_results("g")["raises"].error
    assert isinstance(error, ErrorRecord)
    assert (error.type, error.message) == ("ValueError", "broke")
    assert error.traceback.splitlines()[1].endswith("in raises")
    assert error.cause is not None
    assert (error.cause.type, error.cause.message) == ("KeyError", "'the cause'")
    assert count(run, "TaskInterrupted") == 0


@pytest.mark.parametrize(
    ("kind", "live", "recorded", "said"),
    [
        ("loud", bodies.Loud, "tests.engine.process_bodies.Loud", "1 and 2"),
        ("mute", bodies.Mute, "tests.engine.process_bodies.Mute", "broke"),
        ("exit", SystemExit, "SystemExit", "3"),
    ],
)
def test_an_exception_that_cannot_be_pickled_arrives_too(
    store: Store, kind: str, live: type[BaseException], recorded: str, said: str
) -> None:
    """Its class is kept, so that ``retry_on`` sees it; what is recorded is what the child saw."""
    with workflow("w", store=store) as wf:
        again = task("raises", retry=RetryPolicy(max_attempts=2, retry_on=(live,), initial_interval=0))(
            bodies.raises.fn
        )
        group_of(again(kind=kind))
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    (error,) = caught.value.__cause__.exceptions  # type: ignore[union-attr]
    assert (type(error), str(error)) == (live, said)
    record = run.task_results("g")["raises"].error
    assert record is not None
    assert (record.type, record.message) == (recorded, said)
    assert count(run, "TaskStarted", "raises") == 2


def test_an_exception_that_cannot_even_be_shown_is_named(store: Store) -> None:
    """The live cause is one of ours then."""
    with workflow("w", store=store) as wf:
        group_of(bodies.raises(kind="silent"))
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    (error,) = caught.value.__cause__.exceptions  # type: ignore[union-attr]
    assert "process_bodies.Silent: 1 and 2" in str(error)
    record = run.task_results("g")["raises"].error
    assert record is not None
    assert record.message == "1 and 2"


def test_a_value_that_cannot_be_stored_and_an_argument_that_cannot_be_sent(store: Store) -> None:
    """Both fail the attempt with a ``PayloadError`` that names the task."""
    lock = threading.Lock()

    @task
    def holds(value: int) -> bool:
        return lock.locked()

    with workflow("w", store=store) as wf:
        group_of(bodies.unstorable, holds(value=1))
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    for error in caught.value.__cause__.exceptions:  # type: ignore[union-attr]
        assert isinstance(error, PayloadError)
        assert error.run_id == run.run_id
    found = {name: result.error_message or "" for name, result in run.task_results("g").items()}
    assert "Return data, not a generator" in found["unstorable"]
    assert "cannot be sent to another process" in found["holds"]
