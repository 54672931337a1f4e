"""The errors of the contract, as this store words them."""

from __future__ import annotations

from collections.abc import Sequence

from durable.core.events import Event
from durable.errors import LeaseLost, RunAlreadyDriven, RunNotEnded, RunNotFound, StoreError, VersionConflict


def lease_lost(run_id: str, token: int) -> LeaseLost:
    """Return the error for a token that is not that of the present lease."""
    return LeaseLost(
        f"another drive took over, or the lease was released: token {token} is not valid; nothing was recorded",
        run_id=run_id,
        hint="Stop this drive; the other one continues (durable show RUN)",
    )


def wrong_append(run_id: str, events: Sequence[Event], expected_seq: int, last: int) -> StoreError:
    """Return the error for events that do not follow the log's end, or for none at all."""
    if not events:
        return StoreError("there is nothing to append", run_id=run_id, hint="This is a fault: report it")
    return VersionConflict(
        f"{len(events)} events numbered {events[0].seq} to {events[-1].seq} were to follow seq {expected_seq},"
        f" and the log ends at seq {last}; nothing was recorded",
        run_id=run_id,
        seq=last,
        hint="Reload the run and decide again",
    )


def wrong_first_event(run_id: str, first: Event) -> VersionConflict:
    """Return the error for a log that would not begin with ``RunCreated``."""
    return VersionConflict(
        f"the run does not exist, and its log cannot start with {first.type}",
        run_id=run_id,
        seq=first.seq,
        hint="A log starts with RunCreated: was the run deleted meanwhile?",
    )


def run_not_found(run_id: str) -> RunNotFound:
    """Return the error for a run that does not exist."""
    return RunNotFound("there is no such run", run_id=run_id, hint="See durable runs")


def event_not_found(run_id: str, seq: int) -> RunNotFound:
    """Return the error for an event that does not exist."""
    return RunNotFound("there is no such event", run_id=run_id, seq=seq, hint="See durable runs, durable log RUN")


def driven_run_not_pruned(run_id: str) -> RunAlreadyDriven:
    """Return the error for pruning a run with a live lease."""
    return RunAlreadyDriven("a process drives this run; it is not pruned", run_id=run_id)


def open_run_not_pruned(run_id: str, status: str) -> RunNotEnded:
    """Return the error for pruning a run that has not ended."""
    return RunNotEnded(
        f"the run is {status}; only runs that have ended are pruned",
        run_id=run_id,
        hint="Resume it, or cancel it first",
    )
