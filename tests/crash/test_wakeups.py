"""What comes while a body is being unwound wakes its task all the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from durable import TaskExecutionContext, open_run, open_store, parallel, task, workflow
from durable.context import durable_calls as calls


def test_a_signal_that_comes_while_a_body_unwinds_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body's patience is over, but its suspension is not recorded yet: it starts again and gets the signal."""
    monkeypatch.setattr(calls, "LIVE_WAIT", 0.0)

    with open_store(tmp_path / "runs.db") as store:

        @task
        def waits(context: TaskExecutionContext) -> int:
            try:
                return context.wait_for_signal("go")
            finally:
                if context.attempt == 1:
                    run = open_run(context.run_id, store)
                    assert run.signal("go", 7)
                    until = time.monotonic() + 30
                    while not any(event.type == "SignalReceived" for event in run.events()):
                        assert time.monotonic() < until
                        time.sleep(0.01)

        with workflow("unwinding") as wf:
            wf.add(parallel(waits, name="group"))
        run = wf.start(store=store)
        assert run.status == "succeeded"
        assert run.result() == {"waits": 7}
        kinds = [event.type for event in run.events()]
        assert kinds.index("SignalReceived") < kinds.index("TaskSuspended") < len(kinds) - 4
