"""CheckpointManager: the points from which runs can go on, and going on from one of them.

Every commit of a run is such a point; those where its state is kept are found at once. It must not
drive, fold or copy anything itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from durable.core.events import EPOCH
from durable.core.replay import opened
from durable.core.transitions import STATUSES
from durable.errors import RunNotFound
from durable.runs.forks import commit_end, fork_run, split_ref
from durable.runs.start import Run
from durable.store import RunInfo, Store, opened_store

if TYPE_CHECKING:
    from durable.definition.blueprint import Blueprint


class CheckpointRef(msgspec.Struct, frozen=True):
    """A point from which a run can go on.

    Attributes:
        ref: its name: ``run_id@seq``.
        run_id, seq: the run, and the last of its events that counts.
        time: when that event happened, microseconds since 1970.
        workflow: the run's workflow.
        status: the run's status at that point; at its end, what people see of it now.
    """

    ref: str
    run_id: str
    seq: int
    time: int
    workflow: str
    status: str

    @property
    def when(self) -> datetime:
        """The time as an aware UTC datetime."""
        return EPOCH + timedelta(microseconds=self.time)


class CheckpointManager:
    """Lists checkpoints of runs and goes on from them. Close it, or use it in a ``with`` block.

    Args:
        checkpoint_dir: a folder; the same as the SQLite store ``runs.db`` in it.
        store: a store, a URL or a path; it wins over the folder. Without both, the default store.
    """

    def __init__(self, checkpoint_dir: str | os.PathLike[str] | None = None, store: Any = None) -> None:
        if store is None and checkpoint_dir is not None:
            store = os.path.join(os.fspath(checkpoint_dir), "runs.db")
        self.store, self._owned = opened_store(store)

    def list(self, run_id: str | None = None) -> list[CheckpointRef]:
        """Return the present end of each run and its stored checkpoints, the newest first.

        Stored checkpoints that this version cannot read are left out.

        Args:
            run_id: only those of this run.

        Raises:
            RunNotFound: there is no such run.
        """
        infos = self.store.runs() if run_id is None else [self._info(run_id)]
        found = [ref for info in infos if info.pruned is None for ref in _refs(self.store, info)]
        return sorted(found, key=lambda ref: ref.time, reverse=True)

    def resume_from_checkpoint(
        self,
        ref: str | CheckpointRef,
        workflow: Blueprint | None = None,
        *,
        run_id: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
        **options: Any,
    ) -> Run:
        """Resume from a checkpoint and return the run that did: the run itself from its end, else a fork of it.

        Args:
            ref: a run's id for its end, or ``run_id@seq``.
            workflow: the live workflow; None imports the file that the run recorded.
            run_id: the fork's id, if one is made; made up when left out.
            actor, reason: who asks, and why; recorded.
            **options: as for ``Run.resume``.

        Returns:
            The run; it needs this manager's store, so look at it before closing the manager.

        Raises:
            RunNotFound: there is no such run, or it has no such event.
            RunConflict: a run has the fork's id already, or the run belongs to another workflow.
        """
        info, seq = split_ref(self.store, ref.ref if isinstance(ref, CheckpointRef) else ref)
        name = info.run_id
        if commit_end(self.store, info, seq) != info.seq:
            name = fork_run(self.store, name, seq, new_run_id=run_id, actor=actor, reason=reason)
        return Run(self.store, name).resume(workflow, actor=actor, reason=reason, **options)

    def resume_from_latest(self, workflow: Blueprint | None = None, **options: Any) -> Run:
        """Resume the newest run that can be resumed, and return it.

        That is one which failed or was interrupted, or a suspended one whose timer is due or whom a message
        waits for.

        Args:
            workflow: only runs of this workflow, with this code; None for all, each with the file it recorded.
            **options: as for ``Run.resume``.

        Raises:
            RunNotFound: no run can go on.
        """
        now = self.store.clock.now()
        for info in self.store.runs(workflow=workflow.name if workflow is not None else None):
            if info.pruned is None and (info.status == "failed" or info.ready(now)):
                return Run(self.store, info.run_id).resume(workflow, **options)
        of = f" of {workflow.name!r}" if workflow is not None else ""
        raise RunNotFound(f"no run{of} can be resumed", hint=f"See durable runs --store {self.store.url}")

    def close(self) -> None:
        """Close the store, if it was opened here."""
        if self._owned:
            self.store.close()

    def __enter__(self) -> CheckpointManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _info(self, run_id: str) -> RunInfo:
        info = self.store.run(run_id)
        if info is None:
            raise RunNotFound(f"there is no run {run_id!r}", hint=f"See durable runs --store {self.store.url}")
        return info


def _refs(store: Store, info: RunInfo) -> Iterator[CheckpointRef]:
    yield _ref(info, info.seq, info.updated, info.shown_status)
    for checkpoint in store.checkpoints(info.run_id):
        whole = opened(checkpoint.state)
        if whole is not None and checkpoint.seq < info.seq:
            yield _ref(info, checkpoint.seq, checkpoint.time, STATUSES[whole["status"]])


def _ref(info: RunInfo, seq: int, time: int, status: str) -> CheckpointRef:
    return CheckpointRef(f"{info.run_id}@{seq}", info.run_id, seq, time, info.workflow, status)
