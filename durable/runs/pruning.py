"""Pruning: choose runs that have ended, have the store delete what they recorded, and keep their summaries.

It must not delete anything itself, and never a run that has not ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from durable.core.transitions import RUN_ENDS, STATUSES
from durable.engine.load import load
from durable.errors import (
    DefinitionError,
    IllegalTransition,
    LogCorrupt,
    PayloadError,
    RunAlreadyDriven,
    RunNotEnded,
    RunNotFound,
    RunPruned,
    UnknownEvent,
)
from durable.store import RunInfo, Store, opened_store

_log = logging.getLogger("durable")


class PrunedRun(msgspec.Struct, frozen=True):
    """A run that was pruned, or would be.

    Attributes:
        run_id, workflow, status: the run.
        created, ended: times of its first and of its last event, microseconds since 1970.
        events: how many it had; tasks: how many of its tasks had each status.
        freed: bytes that only it had used; the store may estimate.
        pruned: when, microseconds since 1970; None in a dry run.
    """

    run_id: str
    workflow: str
    status: str
    created: int
    ended: int
    events: int
    tasks: Mapping[str, int]
    freed: int
    pruned: int | None = None


class Pruning(msgspec.Struct, frozen=True):
    """What was pruned, or would be.

    Attributes:
        runs: the runs, newest first.
        returned: bytes that the file system got back.
        dry_run: whether nothing was changed.
    """

    runs: list[PrunedRun]
    returned: int = 0
    dry_run: bool = False

    @property
    def freed(self) -> int:
        """Bytes that only these runs had used."""
        return sum(run.freed for run in self.runs)


def prune(
    *run_ids: str,
    older_than: float | timedelta | None = None,
    status: str | None = None,
    workflow: str | None = None,
    keep_last: int | None = None,
    dry_run: bool = False,
    store: Any = None,
    on_run: Callable[[PrunedRun], None] | None = None,
) -> Pruning:
    """Delete the events, values and checkpoints of runs that have ended; summaries stay, and space is given back.

    Runs that have not ended are never chosen, and refused when they are named. Other processes may drive runs of
    the same store meanwhile.

    Args:
        *run_ids: exactly these runs; no other choice can be made then.
        older_than: runs that ended longer ago than this, in seconds.
        status: runs that ended so: ``succeeded``, ``failed`` or ``cancelled``.
        workflow: runs of this workflow.
        keep_last: keep so many of each workflow, the newest of those with the status.
        dry_run: change nothing, only say what would be pruned.
        store: a store, a URL or a path; None for the default.
        on_run: called after each run.

    Raises:
        DefinitionError: nothing says which runs, or something says it that cannot be.
        RunNotFound, RunNotEnded, RunAlreadyDriven: of a run that was named; nothing was pruned.
    """
    seconds = older_than.total_seconds() if isinstance(older_than, timedelta) else older_than
    choice = Choice(seconds, status, workflow, keep_last)
    choice.check(run_ids)
    opened, owned = opened_store(store)
    try:
        infos = [_named(opened, run_id) for run_id in run_ids] if run_ids else list(choice.of(opened))
        runs: list[PrunedRun] = []
        for info in infos:
            run = _summary(opened, info) if dry_run else _pruned(opened, info, named=bool(run_ids))
            if run is not None:
                runs.append(run)
                if on_run is not None:
                    on_run(run)
        return Pruning(runs, 0 if dry_run else opened.reclaim(), dry_run)
    finally:
        if owned:
            opened.close()


class Choice(msgspec.Struct, frozen=True):
    """Which runs are to be pruned; the fields are those of ``prune``."""

    older_than: float | None
    status: str | None
    workflow: str | None
    keep_last: int | None

    def check(self, run_ids: tuple[str, ...]) -> None:
        """Raise ``DefinitionError`` for a choice that nobody can mean."""
        made = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        if bool(run_ids) == bool(made):
            what = f"both runs and {', '.join(made)}" if made else "nothing"
            raise DefinitionError(
                f"{what} says which runs to prune", hint="Name runs, or give older_than, status, workflow or keep_last"
            )
        if self.status is not None and self.status not in RUN_ENDS.values():
            raise DefinitionError(
                f"runs that are {self.status} are not pruned", hint=f"Use one of {', '.join(RUN_ENDS.values())}"
            )
        for name in ("older_than", "keep_last"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not value >= 0):
                raise DefinitionError(f"{name} must be 0 or more, not {value!r}")

    def of(self, store: Store) -> Iterator[RunInfo]:
        """Yield the runs of a store that are chosen, newest first."""
        now = store.clock.now()
        seen: dict[str, int] = {}
        for info in store.runs(status=self.status, workflow=self.workflow):
            if info.status not in RUN_ENDS.values() or info.driven or info.pruned is not None:
                continue
            seen[info.workflow] = seen.get(info.workflow, 0) + 1
            if self.keep_last is not None and seen[info.workflow] <= self.keep_last:
                continue
            if self.older_than is None or now - info.updated > self.older_than * 1_000_000:
                yield info


def _named(store: Store, run_id: str) -> RunInfo:
    info = store.run(run_id)
    if info is None:
        raise RunNotFound(f"there is no run {run_id!r}", hint=f"See durable runs --store {store.url}")
    if info.driven:
        raise RunAlreadyDriven("a process drives this run; it is not pruned", run_id=run_id)
    if info.status not in RUN_ENDS.values():
        raise RunNotEnded(
            f"the run is {info.shown_status}; only runs that have ended are pruned",
            run_id=run_id,
            hint=f"Resume it, or cancel it first: durable cancel {run_id}",
        )
    return info


def _summary(store: Store, info: RunInfo) -> PrunedRun:
    """Return what would be kept of a run."""
    pruned = info.pruned
    return PrunedRun(
        info.run_id,
        info.workflow,
        info.status,
        info.created,
        info.updated,
        info.seq,
        _task_counts(store, info.run_id) if pruned is None else pruned.tasks,
        store.sizes(info.run_id).own if pruned is None else pruned.freed,
        None if pruned is None else pruned.time,
    )


def _pruned(store: Store, info: RunInfo, *, named: bool) -> PrunedRun | None:
    try:
        tasks = _task_counts(store, info.run_id) if info.pruned is None else {}
        left = store.prune(info.run_id, tasks)
    except (RunNotEnded, RunAlreadyDriven, RunPruned, RunNotFound) as error:
        if named:
            raise
        _log.info("left alone: %s", error)  # somebody resumed it, or was faster
        return None
    return _summary(store, msgspec.structs.replace(info, pruned=left))


def _task_counts(store: Store, run_id: str) -> dict[str, int]:
    try:
        nodes = load(store, run_id).task_statuses()
    except (LogCorrupt, UnknownEvent, IllegalTransition, PayloadError) as error:  # damaged, or of a newer durable
        _log.warning("what became of the tasks is not kept: %s", error)
        return {}
    counts = {name: nodes.count(status) for status, name in enumerate(STATUSES)}
    return {name: count for name, count in counts.items() if count}
