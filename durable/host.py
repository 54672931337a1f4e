"""Host: what drives runs in this process, put together: a store, executors, observers. It must not drive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from durable.engine import lifecycle
from durable.engine.journal import Observer
from durable.executor import LoopExecutor
from durable.executors.threads import ThreadExecutor
from durable.store import Store, open_store

if TYPE_CHECKING:
    from durable.asynchronous import Control


def opened_store(store: Any) -> tuple[Store, bool]:
    """Return a store, and whether it was opened here and is to be closed here."""
    if isinstance(store, Store):
        return store, False
    return open_store(store), True


def make_host(
    store: Store, observers: Iterable[Observer], grace: float, wait: bool, control: Control | None = None
) -> lifecycle.Host:
    """Say where and how a run is driven: on this thread, its bodies in threads and on an event loop.

    Args:
        store, observers, grace, wait: as in ``lifecycle.Host``.
        control: of a caller that awaits the run; its loop has the coroutines.
    """
    loop = control.executor if control is not None else _new_loop
    on_drive = control.on_drive if control is not None else None
    return lifecycle.Host(store, ThreadExecutor, loop, tuple(observers), grace, wait, on_drive)


def _new_loop() -> LoopExecutor:
    from durable.executors.loop import LoopExecutor  # asyncio costs 70 ms

    return LoopExecutor()
