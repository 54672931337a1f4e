"""Host: what a run needs in this process, put together: a store, its workflow, executors. It must not drive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from durable.definition.blueprint import Blueprint
from durable.engine import lifecycle
from durable.engine.journal import Observer
from durable.errors import DefinitionError
from durable.executor import Executor, LoopExecutor
from durable.executors.threads import ThreadExecutor
from durable.store import RunInfo, Store, default_url
from durable.values.programs import imported, is_loading_for_worker

if TYPE_CHECKING:
    from durable.core.progress import Progress
    from durable.runs.asynchronous import Control


def make_host(
    store: Store, observers: Iterable[Observer], grace: float, wait: bool, control: Control | None = None
) -> lifecycle.Host:
    """Say where and how a run is driven: on this thread, its bodies in threads, processes and on an event loop.

    Args:
        store, observers, grace, wait: as in ``lifecycle.Host``.
        control: of a caller that awaits the run; its loop has the coroutines.

    Raises:
        DefinitionError: this process only loads the file so that it can run bodies of it.
    """
    if is_loading_for_worker():
        raise DefinitionError(
            "a run would start while its file is only being loaded for a worker process",
            hint='Put what starts runs under if __name__ == "__main__":',
        )
    loop = control.executor if control is not None else _new_loop
    on_drive = control.on_drive if control is not None else None
    return lifecycle.Host(store, ThreadExecutor, loop, _remote_executor, tuple(observers), grace, wait, on_drive)


def recorded_workflow(store: Store, info: RunInfo) -> Blueprint:
    """Import the workflow from the file that the run recorded."""
    from durable.definition.loading import load_workflow

    if info.file is None:
        raise DefinitionError(
            "the run does not say which file defines its workflow",
            run_id=info.run_id,
            hint="Call wf.resume(run_id) instead",
        )
    created = store.event(info.run_id, 1).fields
    return load_workflow(info.file, info.workflow, created.get("version"))


def resume_command(store: Store, run_id: str) -> str:
    """The command that resumes a run."""
    if store.url.startswith("memory:"):
        return f"wf.resume({run_id!r}, store=...)"
    from shlex import quote

    place = "" if store.url == _normal(default_url()) else f" --store {quote(store.url)}"
    return f"durable resume {quote(run_id)}{place}"


@contextmanager
def logged(store: Store, observers: Iterable[Observer]) -> Iterator[tuple[Observer, ...]]:
    """Log the progress of a drive, with INFO to ``durable.progress``, every half a minute that it lasts.

    Args:
        store: where its log is.
        observers: of the drive.

    Yields:
        The observers that the drive is to have. When nobody wants to see such records, they are the same.
    """
    # Who wants to see them has imported logging, which takes 3 ms.
    logging = imported("logging")
    if logging is None or not logging.getLogger("durable.progress").isEnabledFor(logging.INFO):
        yield tuple(observers)
        return
    progress_log = logging.getLogger("durable.progress")
    from durable.runs.progress import LOG_SECONDS, Reporter, Watch, line

    def say(now: Progress) -> None:
        progress_log.info("run %s: %s", now.run_id, line(now))

    watch = Watch(store)
    with Reporter(watch.progress, say, store.clock, LOG_SECONDS, LOG_SECONDS):
        yield (*observers, watch.observe)


def _normal(url: str) -> str:
    return url if "://" in url else f"sqlite:///{os.fspath(url)}"


def _new_loop() -> LoopExecutor:
    from durable.executors.event_loop import LoopExecutor  # asyncio costs 70 ms

    return LoopExecutor()


def _remote_executor(factory: Callable[[], Any] | None) -> Executor:
    """The executor for bodies in other processes: our own, or around what a factory makes."""
    if factory is None:
        from durable.executors.processes import ProcessExecutor

        return ProcessExecutor("durable.executors.remote:run_call")
    from durable.executors.pools import PoolExecutor
    from durable.executors.remote import run_calls

    return PoolExecutor(factory, run_calls)
