"""The Store contract: logs, leases, checkpoints and inboxes; never SQL.

A store keeps what it is given and refuses what would break a log. It must not fold events, decode
payloads or know what a workflow is. ``durable.testing.check_store`` holds any implementation to this
contract; implementations stand in ``stores/`` and are found by URL scheme through the entry-point
group ``durable.stores``.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from durable.clock import Clock
from durable.core.events import Event
from durable.core.sizes import Pruned, Sizes, pruned_error
from durable.core.store_records import Checkpoint, Lease, LeaseInfo, Message, RunInfo
from durable.core.transitions import RUN_STATUS_AFTER, STATUSES, SUSPENDED
from durable.errors import InvalidRunId, StoreNotFound

__all__ = [
    "Checkpoint", "Lease", "LeaseInfo", "Message", "RunInfo", "Store", "check_run_id", "default_url", "due_after",
    "open_store", "opened_store", "refuse_pruned",
]  # fmt: skip

DEFAULT_URL = "sqlite:///.durable/runs.db"
SHIPPED = {"memory": "durable_memory:open_store", "sqlite": "durable_sqlite:open_store"}
"""The entry points that durable brings itself. To look them up reads about everything that is installed (20 ms)."""
LEASE_SECONDS = 30.0
"""How long a lease lasts without a heartbeat."""


class Store(ABC):
    """Where logs are kept. Safe to use from several threads; not across ``fork``."""

    url: str
    clock: Clock

    @abstractmethod
    def append(
        self, run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        """Append events atomically and durably, and return the new last sequence number.

        Args:
            run_id: the run. Its first append begins with ``RunCreated``.
            events: at least one, numbered ``expected_seq + 1`` and on.
            expected_seq: the log's last sequence number as the caller knows it; 0 for a new run.
            token: the fencing token of the caller's lease.
            consume: ids of inbox messages that the events have dealt with; removed with the append.

        Raises:
            LeaseLost: the token is not that of the run's present lease. Checked first.
            VersionConflict: the log does not end at ``expected_seq``, or the events are not numbered so.
            StoreError: it could not be written (full, read-only, busy, damaged). Nothing was appended.
        """

    @abstractmethod
    def read(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[Event]:
        """Yield the events with ``after < seq <= until``, in order; nothing for an unknown run.

        Args:
            run_id: the run.
            after: a sequence number; 0 for the first event.
            until: the last one; None for the end of the log.
        """

    @abstractmethod
    def event(self, run_id: str, seq: int) -> Event:
        """Return one event. Raises ``RunNotFound`` when the run or the event is not there.

        Args:
            run_id: the run.
            seq: the event's sequence number.
        """

    @abstractmethod
    def digests(self, run_id: str, after: int = 0, until: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield ``(seq of an append's last event, digest)`` for the appends that end in the range.

        Args:
            run_id: the run.
            after: a sequence number; 0 for the first append.
            until: the last one; None for the end of the log.
        """

    @abstractmethod
    def run(self, run_id: str) -> RunInfo | None:
        """Return one run, or None.

        Args:
            run_id: the run.
        """

    @abstractmethod
    def runs(
        self, *, status: str | None = None, workflow: str | None = None, limit: int | None = None
    ) -> Iterator[RunInfo]:
        """Yield runs, newest first, without loading any event or payload.

        Args:
            status: only runs whose ``shown_status`` is this.
            workflow: only runs of this workflow.
            limit: at most so many.
        """

    @abstractmethod
    def save_checkpoint(self, run_id: str, checkpoint: Checkpoint, token: int) -> None:
        """Keep a checkpoint; the newest and the one before it are enough. Raises ``LeaseLost``.

        Args:
            run_id: the run.
            checkpoint: a folded state.
            token: the fencing token of the caller's lease.
        """

    @abstractmethod
    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        """Return the run's checkpoints, newest first.

        Args:
            run_id: the run.
        """

    @abstractmethod
    def drop_checkpoints(self, run_id: str) -> None:
        """Delete the run's checkpoints.

        Args:
            run_id: the run.
        """

    @abstractmethod
    def acquire(self, run_id: str, owner: str, seconds: float = LEASE_SECONDS) -> Lease:
        """Take the lease on a run that may not exist yet.

        A lease whose owner's process is gone is taken over at once; one whose owner lives is taken
        over only after it has expired, by ``Clock.monotonic()``: setting the wall clock robs nobody.

        Args:
            run_id: the run.
            owner: who asks; shown to those who are refused.
            seconds: how long the lease holds unless it is renewed.

        Raises:
            RunAlreadyDriven: somebody else holds it.
        """

    @abstractmethod
    def renew(self, lease: Lease, seconds: float = LEASE_SECONDS) -> None:
        """Extend a lease from now. Raises ``LeaseLost`` when it is not held any more.

        Args:
            lease: one that is held.
            seconds: how long it holds from now.
        """

    @abstractmethod
    def release(self, lease: Lease) -> None:
        """Give a lease back; one that is not held any more is ignored. Tokens keep growing after it.

        Args:
            lease: one that was acquired.
        """

    @abstractmethod
    def lease(self, run_id: str) -> LeaseInfo | None:
        """Return who holds the lease, or None when it is free.

        Args:
            run_id: the run.
        """

    @abstractmethod
    def send(self, run_id: str, message: Message) -> bool:
        """Put a message into the run's inbox; False when that id was ever sent to it before, consumed or not.

        Raises ``RunNotFound`` for an unknown run.

        Args:
            run_id: the run.
            message: what is sent; its id was chosen by the sender.
        """

    @abstractmethod
    def inbox(self, run_id: str) -> list[Message]:
        """Return the messages that no append has consumed, oldest first.

        Args:
            run_id: the run.
        """

    @abstractmethod
    def sizes(self, run_id: str) -> Sizes:
        """Return what a run takes, without decoding anything. Raises ``RunNotFound``.

        Args:
            run_id: the run.
        """

    @abstractmethod
    def prune(self, run_id: str, tasks: Mapping[str, int]) -> Pruned:
        """Delete a run's events, checkpoints and messages for good, and keep a summary.

        From the moment on at which this is recorded, ``read``, ``event``, ``digests``, ``acquire`` and ``send``
        refuse the run with ``RunPruned``, also if the deleting is cut short; it then goes on when it is called again,
        or with the next ``reclaim``. Others append meanwhile: no transaction of it is long.

        Args:
            run_id: the run; if it was pruned before, its summary is returned.
            tasks: how many of its tasks have each status, to be kept.

        Raises:
            RunNotFound: there is no such run.
            RunNotEnded: it has not ended.
            RunAlreadyDriven: a live lease is held on it.
        """

    @abstractmethod
    def reclaim(self) -> int:
        """Give space that nothing uses back to the system, as far as that holds up nobody; return the bytes."""

    @abstractmethod
    def close(self) -> None:
        """Close files and connections. A closed store cannot be used again."""

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refuse_pruned(info: RunInfo) -> None:
    """Raise ``RunPruned`` if the run was pruned."""
    if info.pruned is not None:
        raise pruned_error(info.run_id, info.status, info.pruned)


def due_after(event: Event) -> int | None:
    """Return when a run goes on by itself after a run event, for stores to keep beside its status.

    Args:
        event: one whose type is in ``RUN_STATUS_AFTER``.

    Returns:
        The ``due`` of an event that suspends the run, in microseconds since 1970; None for all others.
    """
    if RUN_STATUS_AFTER[event.type] != STATUSES[SUSPENDED]:
        return None
    due: int | None = event.fields.get("due")
    return due


_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]")
RUN_ID_LENGTH = 200


def check_run_id(run_id: str) -> str:
    """Return the run id if it is safe in paths, logs and terminals.

    Raises:
        InvalidRunId: empty, over 200 characters, ``.`` or ``..``, or with slashes, control
            characters, NUL or lone surrogates.
    """
    if not isinstance(run_id, str) or not run_id:
        raise InvalidRunId(f"a run id must be a text that is not empty, not {run_id!r}")
    if len(run_id) > RUN_ID_LENGTH:
        raise InvalidRunId(f"the run id has {len(run_id)} characters", hint=f"Use at most {RUN_ID_LENGTH}")
    if _UNSAFE.search(run_id) or ".." in run_id or run_id == "." or run_id != run_id.strip():
        raise InvalidRunId(
            f"the run id {run_id!r} has slashes, '..', control characters or outer spaces",
            hint="Use letters, digits, '.', '-', '_' or ':'",
        )
    return run_id


def default_url() -> str:
    """Return the store's URL when none is named: ``DURABLE_STORE``, else a file in ``.durable``."""
    return os.environ.get("DURABLE_STORE") or DEFAULT_URL


def open_store(url: str | os.PathLike[str] | None = None, *, clock: Clock | None = None) -> Store:
    """Open the store that a URL or a path names.

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db?synchronous=normal``, ``memory://``,
            or a bare path to a SQLite file; None for the default store.
        clock: time for leases; None for the system's.

    Raises:
        StoreNotFound: no store is installed for the scheme.
        StoreError: it cannot be opened (not ours, too new, damaged).
    """
    from urllib.parse import quote

    text = default_url() if url is None else os.fspath(url)
    if "://" not in text:
        text = f"sqlite:///{quote(os.fspath(Path(text)))}"
    store: Store = _opener(text.partition("://")[0])(text, clock=clock)
    return store


def opened_store(store: Any) -> tuple[Store, bool]:
    """Return a store, and whether it was opened here and is to be closed here.

    Args:
        store: a store, or what ``open_store`` takes.
    """
    if isinstance(store, Store):
        return store, False
    return open_store(store), True


def _opener(scheme: str) -> Callable[..., Store]:
    """Return what opens the stores of a scheme. Raises ``StoreNotFound``."""
    opener: Callable[..., Store]
    if scheme in SHIPPED:
        module, _, name = SHIPPED[scheme].partition(":")
        opener = getattr(import_module(module), name)
        return opener
    from importlib.metadata import entry_points

    found = {point.name: point for point in entry_points(group="durable.stores")}
    if scheme not in found:
        raise StoreNotFound(
            f"no store is installed for {scheme}://",
            hint=f"Installed: {', '.join(sorted({*found, *SHIPPED}))}",
        )
    opener = found[scheme].load()
    return opener
