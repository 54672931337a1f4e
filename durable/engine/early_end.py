"""Ending a run early for somebody outside of it: cancel, terminate; recorded here when nobody drives the run."""

from __future__ import annotations

import os

from durable.core.transitions import CANCELLED, FAILED, RUN_ENDS, SUCCEEDED
from durable.engine.bulk_transitions import end_as_asked
from durable.engine.journal import Journal
from durable.engine.lease import leased
from durable.engine.load import load
from durable.engine.messages import CANCEL, TERMINATE, make_message
from durable.engine.request import Asked
from durable.engine.run_view import RunView
from durable.errors import RunAlreadyDriven
from durable.store import Message, Store
from durable.values.payloads import Payload

ENDS_AS = {CANCEL: "RunCancelled", TERMINATE: "RunSucceeded"}
"""The event that each kind of message leads to."""


def end_early(store: Store, run_id: str, kind: str, asked: Asked, payload: Payload | None = None) -> bool:
    """Cancel a run, or end it with a result: record it when nobody drives it, else tell its driver.

    Args:
        store: where the run is.
        run_id: the run.
        kind: ``cancel`` or ``terminate``.
        asked: who asked, and why.
        payload: the result of a run that is terminated.

    Returns:
        False when it had ended before.
    """
    info = store.run(run_id)
    if info is not None and info.status in RUN_ENDS.values():
        return False
    message = make_message(
        os.urandom(8).hex(), kind, store.clock.now(), payload=payload, actor=asked["actor"], reason=asked["reason"]
    )
    store.send(run_id, message)
    return record_end(store, run_id, message)


def record_end(store: Store, run_id: str, message: Message) -> bool:
    try:
        with leased(store, run_id) as lease:
            state = load(store, run_id)
            if state.status in (SUCCEEDED, FAILED, CANCELLED):
                return store.event(run_id, state.seq).type == ENDS_AS[message.kind]
            end_as_asked(Journal(store, lease, state, RunView(store, state)), message)
    except RunAlreadyDriven:
        import logging  # 3 ms, for what hardly ever happens

        logging.getLogger("durable.engine").info("run %s is driven now; its driver was told to end it", run_id)
    return True


def record_late_end(store: Store, run_id: str) -> None:
    """Record an end that was asked for when the drive did not look any more and still had the lease."""
    late = [message for message in store.inbox(run_id) if message.kind in ENDS_AS]
    if late:
        record_end(store, run_id, late[0])
