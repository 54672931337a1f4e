"""Holding the lease on a run while something is done to it; it must not know what."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from durable.errors import DurableError
from durable.store import Lease, Store


@contextmanager
def leased(store: Store, run_id: str, purpose: str = "drive") -> Iterator[Lease]:
    """Hold the lease on a run; giving it back cannot fail what was done.

    Args:
        store: where the run is, or will be.
        run_id: the run.
        purpose: what the owner's name begins with.

    Raises:
        RunAlreadyDriven: somebody else holds it.
    """
    lease = store.acquire(run_id, f"{purpose}-{os.urandom(6).hex()}")
    try:
        yield lease
    finally:
        try:
            store.release(lease)
        except DurableError as error:
            import logging  # 3 ms, for what hardly ever happens

            logging.getLogger("durable.engine").warning(
                "run %s: the lease could not be released and will be taken over: %s", run_id, error
            )
