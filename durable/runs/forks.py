"""Forks: copy the past of a run into a new one, which then goes its own way. The old run is never touched.

The new run's log is written under a lease of its own, in one commit; that of a long past in several, and
in between the new run is suspended, so that nobody takes a copy that was not completed for a run. Which
events are kept is ``core/forking.py``'s to say.
"""

from __future__ import annotations

import logging
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter

import msgspec

from durable.core.digest import verified
from durable.core.events import Draft, Event
from durable.core.forking import Selection, Survey, kept, new_question_id, open_questions, renumbered
from durable.core.run_events import run_continued, run_forked, run_resumed, run_suspended
from durable.core.state import RunState
from durable.core.task_events import group_reopened, task_reopened
from durable.core.transitions import FAILED, RUNNING
from durable.engine.journal import Journal
from durable.engine.lease import leased
from durable.engine.load import read_graph
from durable.engine.run_view import RunView
from durable.errors import RunConflict, RunNotFound
from durable.store import RUN_ID_LENGTH, Lease, RunInfo, Store, check_run_id

BATCH_EVENTS = 4000
BATCH_BYTES = 16 * 1024 * 1024
"""What is copied in one commit, and held in memory at once."""

_NUMBER = re.compile("[0-9]{1,18}")

_log = logging.getLogger("durable")

_FORKED = "the run was forked"


class Origin(msgspec.Struct, frozen=True):
    """Where a fork comes from.

    Attributes:
        run_id: the run that was forked.
        seq: the last of its events that the fork looked at.
        tasks: what the fork does again.
    """

    run_id: str
    seq: int
    tasks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.run_id}@{self.seq}"


def fork_run(
    store: Store,
    run_id: str,
    seq: int | None = None,
    *,
    from_tasks: Iterable[str] = (),
    new_run_id: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> str:
    """Make a new run that shares a run's past, and return its id; it is interrupted, and a resume continues it.

    Somebody may drive the run meanwhile. The new run's inbox is empty, and questions that are open get new
    ids: ``<id>@<new run>``.

    Args:
        store: where the run is, and the fork will be.
        run_id: the run.
        seq: the last event to share, rounded down to the end of the commit before, so that none is cut in two;
            None for all events.
        from_tasks: tasks and groups to be done again, with all that is downstream of them.
        new_run_id: the new run's id; one is made when left out.
        actor, reason: who asks, and why; recorded.

    Raises:
        RunNotFound: there is no such run, or it has no such event.
        DefinitionError: the run has no such task at that point.
        RunConflict: a run has the new id already.
        LogCorrupt: the run's log is damaged.
    """
    info = store.run(run_id)
    if info is None:
        raise RunNotFound(f"there is no run {run_id!r}", hint=f"See durable runs --store {store.url}")
    name = _free_id(store, run_id) if new_run_id is None else check_run_id(new_run_id)
    _refuse_taken(store, name)
    until = commit_end(store, info, seq)
    survey = _surveyed(store, run_id, until)
    graph = survey.state.graph
    tasks = [from_tasks] if isinstance(from_tasks, str) else from_tasks
    again = list(dict.fromkeys(graph.ids[graph.number(task)] for task in tasks))
    with leased(store, name, "fork") as lease:
        _refuse_taken(store, name)
        _copy(store, lease, survey, again, {"actor": actor, "reason": reason})
    _log.info("run %s is a fork of run %s at seq %d", name, run_id, until)
    return name


def origin(store: Store, run_id: str) -> Origin | None:
    """Return where a run comes from; None if it is no fork.

    Args:
        store: where it is.
        run_id: the run.
    """
    found = None
    for event in store.read(run_id):
        if event.type == "RunForked":  # that of a fork's fork comes after what it has copied
            found = event.fields
    return Origin(found["run"], found["seq"], tuple(found.get("from", ()))) if found is not None else None


def split_ref(store: Store, ref: str) -> tuple[RunInfo, int | None]:
    """Return the run that ``run_id`` or ``run_id@seq`` names, and the sequence number.

    Args:
        store: where the run is.
        ref: the text.

    Raises:
        RunNotFound: there is no such run.
    """
    whole = store.run(ref)
    if whole is not None:
        return whole, None
    name, _, number = ref.rpartition("@")
    info = store.run(name) if name and _NUMBER.fullmatch(number) else None
    if info is None:
        raise RunNotFound(
            f"there is no run {name or ref!r}",
            hint=f"Name one as RUN or RUN@SEQ; see durable runs --store {store.url}",
        )
    return info, int(number)


def commit_end(store: Store, info: RunInfo, seq: int | None) -> int:
    """Return where the last commit ends that a run has made up to an event.

    Args:
        store: where the run is.
        info: the run.
        seq: the event; None for the last one.

    Raises:
        RunNotFound: there is no such event, or the first commit ends after it.
    """
    if seq is None:
        return info.seq
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 < seq <= info.seq:
        raise RunNotFound(
            f"the run has no event {seq!r}", run_id=info.run_id, hint=f"Its events are numbered 1 to {info.seq}"
        )
    found = 0
    for end, _ in store.digests(info.run_id):
        if end > seq:
            break
        found = end
    if not found:
        first = next((end for end, _ in store.digests(info.run_id)), info.seq)
        raise RunNotFound(
            f"the run's first commit ends after event {seq}",
            run_id=info.run_id,
            seq=seq,
            hint=f"A commit is not cut in two; it ends at seq {first}",
        )
    return found


def _surveyed(store: Store, run_id: str, until: int) -> Survey:
    survey = Survey(RunState(run_id, read_graph))
    for event in _past(store, run_id, until):
        survey.take(event)
    return survey


def _copy(store: Store, lease: Lease, survey: Survey, again: list[str], asked: dict[str, str | None]) -> None:
    """Write the new run's log: what is kept, then what a fork adds."""
    was = survey.state
    selection = Selection(survey, again)
    questions = was.requests
    renamed = {name: new_question_id(name, was.run_id, lease.run_id, questions) for name in open_questions(was)}
    state = RunState(lease.run_id, read_graph)
    journal = Journal(store, lease, state, RunView(store, state))
    size = 0
    moved: list[tuple[int, int]] = [(0, 0)]  # from which event on numbers are larger by how many: a pause has events
    for event in kept(_past(store, was.run_id, was.seq), selection, renamed):
        if len(journal.batch) >= BATCH_EVENTS or size >= BATCH_BYTES:
            size = _pause(journal, was, size)
        if state.seq + 1 - event.seq != moved[-1][1]:
            moved.append((event.seq, state.seq + 1 - event.seq))
        if moved[1:]:
            event = renumbered(event, lambda seq: seq + moved[bisect_right(moved, seq, key=itemgetter(0)) - 1][1])
        draft = Draft(event.type, event.data, event.encoding, event.payload)
        journal.emit(draft, event.task_id, event.attempt, event.time)
        size += len(event.payload or b"") + len(event.data or "")
    if state.status == FAILED:
        journal.emit(run_resumed(**asked))
        for is_group, name in selection.reopened():
            journal.emit(group_reopened(reason=_FORKED) if is_group else task_reopened(_FORKED), name)
    journal.emit(run_forked(was.run_id, was.seq, again, **asked))
    journal.commit()


def _pause(journal: Journal, was: RunState, size: int) -> int:
    """Commit a part of the copy; until the next part the new run waits for it. Returns the bytes in the batch."""
    state = journal.state
    if state.status != RUNNING:
        return size
    journal.emit(run_suspended([f"the rest of the copy of run {was.run_id}"]), time=state.time)
    journal.commit()
    journal.store.renew(journal.lease)
    journal.emit(run_continued(journal.lease.owner, "copied"), time=state.time)
    return 0


def _past(store: Store, run_id: str, until: int) -> Iterator[Event]:
    return verified(run_id, store.read(run_id, 0, until), store.digests(run_id, 0, until))


def _refuse_taken(store: Store, name: str) -> None:
    if store.run(name) is not None:
        raise RunConflict(
            "a run of that id exists; a fork is a new run", run_id=name, hint="Choose another id, or leave it out"
        )


def _free_id(store: Store, run_id: str) -> str:
    """An id that says what was forked."""
    while True:
        name = f"{run_id[: RUN_ID_LENGTH - 20].rstrip()}-fork-{os.urandom(3).hex()}"
        if store.run(name) is None:
            return name
