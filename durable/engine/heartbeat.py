"""Heartbeat: keeps a drive's lease alive and looks into its inbox, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from durable.errors import DurableError, LeaseLost
from durable.store import LEASE_SECONDS, Lease, Message, Store

POLL_SECONDS = 0.25
"""How often the inbox is looked into."""


class Heartbeat:
    """A context manager around a drive.

    Args:
        store: where the lease is.
        lease: the lease to keep.
        deliver: takes each of the inbox's messages once, on the heartbeat's thread.
        lost: called when another drive has taken over, on the heartbeat's thread.
    """

    def __init__(
        self, store: Store, lease: Lease, deliver: Callable[[Message], None], lost: Callable[[], None]
    ) -> None:
        self._store = store
        self._lease = lease
        self._deliver = deliver
        self._lost = lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="durable-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        waited, seen = 0.0, set[str]()
        while not self._stop.wait(POLL_SECONDS):
            waited += POLL_SECONDS
            try:
                for message in self._store.inbox(self._lease.run_id):
                    if message.id not in seen:
                        seen.add(message.id)
                        self._deliver(message)
                if waited >= LEASE_SECONDS / 3:
                    waited = 0.0
                    self._store.renew(self._lease)
            except LeaseLost:
                self._lost()
                return
            except DurableError as error:
                import logging  # 3 ms, for what hardly ever happens

                logging.getLogger("durable.engine").warning(
                    "run %s: the heartbeat could not reach the store: %s", self._lease.run_id, error
                )
