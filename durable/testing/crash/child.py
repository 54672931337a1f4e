"""The process that is killed: it drives one run as it is told, and says how that ended.

    python -m durable.testing.crash.child FD < order

It must not clean up after itself: being killed is its purpose.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import msgspec

from durable.core.events import Event
from durable.definition.loading import load_workflow
from durable.engine import journal
from durable.engine.attempt import Attempt
from durable.payloads import encode
from durable.run import Run, open_run, start_run
from durable.store import Lease, Store
from durable.testing.crash.stores import open_quickly
from durable.testing.crash.witness import ACKNOWLEDGED, RAISED, RETURNED, STARTED, Witness
from durable.testing.crash.workload import Kill, Order, Said


def obey(order: Order, fd: int) -> None:
    """Do what the order says, then write what there is to say to the descriptor."""
    try:
        said = _drive(order)
    except BaseException as error:
        said = Said("", None, type(error).__name__, str(error), traceback.format_exc())
    os.write(fd, msgspec.json.encode(said))


def _drive(order: Order) -> Said:
    witness = Witness(order.witness)
    _watch_bodies(witness)
    if order.checkpoint_every:
        journal.CHECKPOINT_EVENTS, journal.CHECKPOINT_SHARE = order.checkpoint_every, 0
    workload = order.workload
    workflow = load_workflow(workload.file, workload.workflow)
    store = open_quickly(order.url)
    _watch_appends(store, witness, order.kill)
    if order.lease_seconds:
        _shorten_leases(store, order.lease_seconds)
    if order.resume is not None:
        run = open_run(order.run_id, store).resume(workflow, **order.resume)
    else:
        run = start_run(workflow, run_id=order.run_id, store=store, initial=workload.initial)
    return _said(run)


def _said(run: Run) -> Said:
    try:
        payload = encode(run.result())
    except Exception as error:
        return Said(run.status, None, type(error).__name__, str(error))
    return Said(run.status, None if payload is None else (payload.encoding, payload.data))


def _watch_bodies(witness: Witness) -> None:
    inner = Attempt._run

    def watched(attempt: Attempt) -> Any:
        about = (attempt.view.run_id, attempt.task.task_id, attempt.number)
        witness.note(STARTED, *about)
        try:
            value = inner(attempt)
        except BaseException:
            witness.note(RAISED, *about)
            raise
        witness.note(RETURNED, *about)
        return value

    Attempt._run = watched  # type: ignore[method-assign, assignment]


def _watch_appends(store: Store, witness: Witness, kill: Kill | None) -> None:
    inner = store.append

    def append(
        run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        reached = kill is not None and kill.when != "at" and events[-1].seq >= kill.seq
        if reached and kill is not None and kill.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        last = inner(run_id, events, expected_seq, token, consume=consume)
        if reached:
            os.kill(os.getpid(), signal.SIGKILL)
        witness.note(ACKNOWLEDGED, run_id, "", last)
        return last

    store.append = append  # type: ignore[method-assign]


def _shorten_leases(store: Store, seconds: float) -> None:
    acquire, renew = store.acquire, store.renew

    def acquire_shortly(run_id: str, owner: str, _seconds: float = 0) -> Lease:
        return acquire(run_id, owner, seconds)

    def renew_shortly(lease: Lease, _seconds: float = 0) -> None:
        renew(lease, seconds)

    store.acquire, store.renew = acquire_shortly, renew_shortly  # type: ignore[method-assign, assignment]


def main() -> None:
    """Take an order from standard input, and a descriptor's number from the command line."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    obey(order, int(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
