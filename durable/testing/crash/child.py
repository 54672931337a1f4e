"""The process that is killed: it drives one run as it is told, and says how that ended.

    python -m durable.testing.crash.child FD < order

It must not clean up after itself: being killed is its purpose.
"""

from __future__ import annotations

import os
import sys
import traceback
from functools import partial

import msgspec

from durable.context import durable_calls as calls
from durable.definition.loading import load_workflow
from durable.engine import drive, journal, lifecycle
from durable.values.payloads import encode
from durable.runs.start import Run, open_run, start_run
from durable.store import Lease, Store
from durable.testing.crash.sending import send_first
from durable.testing.crash.stores import open_quickly
from durable.testing.crash.watching import watch_appends, watch_bodies, watch_items, watch_steps
from durable.testing.crash.witness import Witness
from durable.testing.crash.workload import Order, Said


def obey(order: Order, fd: int) -> None:
    """Do what the order says, then write what there is to say to the descriptor."""
    try:
        said = _drive(order)
    except BaseException as error:
        said = Said("", None, type(error).__name__, str(error), traceback.format_exc())
    os.write(fd, msgspec.json.encode(said))


def _drive(order: Order) -> Said:
    workload, witness = order.workload, Witness(order.witness)
    watch_bodies(witness)
    watch_steps(witness)
    watch_items(witness)
    if order.checkpoint_every:
        journal.CHECKPOINT_EVENTS, journal.CHECKPOINT_SHARE = order.checkpoint_every, 0
    if workload.patience is not None:
        _wait_no_longer_than(workload.patience)
    workflow = load_workflow(workload.file, workload.workflow)
    store = open_quickly(order.url)
    watch_appends(store, witness, order.kill, partial(send_first, store, order.run_id, workload.sends))
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


def _wait_no_longer_than(seconds: float) -> None:
    """Let bodies and drives suspend after so long."""
    calls.LIVE_WAIT = calls.LONGEST_HOLD = seconds
    drive.PATIENCE = lifecycle.PATIENCE = seconds  # type: ignore[attr-defined]


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
