"""Ends: the events with which a drive leaves its run: done, failed, or suspended."""

from __future__ import annotations

from durable.core.events import encode_fields
from durable.core.state import RunState
from durable.core.transitions import FAILED
from durable.engine.journal import Journal
from durable.errors import StepLimitExceeded
from durable.values.failures import record_error


def finish(journal: Journal, *, out_of_steps: bool) -> None:
    """Record that nothing is left to do, and commit it.

    Args:
        journal: of the run.
        out_of_steps: something is left, but the run started as many attempts as it may.
    """
    state = journal.state
    failures = state.outermost_failures()
    if out_of_steps:
        error = StepLimitExceeded(f"the run started {state.steps} attempts, as many as max_steps allows")
        journal.emit("RunFailed", data=encode_fields({"error": record_error(error).line}))
    elif failures:
        journal.emit("RunFailed", data=encode_fields({"error": _why(state, failures)}))
    else:
        journal.emit("RunSucceeded")
    journal.commit()


def suspend(journal: Journal, due: int | None) -> None:
    """Record what the run waits for, and commit it.

    Args:
        journal: of the run.
        due: when the first timer is, microseconds since 1970.
    """
    journal.emit("RunSuspended", data=encode_fields({"waiting": journal.state.waits(), "due": due}))
    journal.commit()


def _why(state: RunState, failures: list[int]) -> str:
    first = failures[0]
    said = "failed" if state.nodes[first] == FAILED else "did not succeed"
    more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
    return f"{state.graph.ids[first]} {said}{more}"
