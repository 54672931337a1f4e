"""Lifecycle: begin a run, take an interrupted one over, reopen a failed one, cancel one.

What may happen to a run, given its recorded status, is decided here; the driving is ``drive.py``'s.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from durable.context.effects import Write
from durable.core.policies import make_policy
from durable.core.run_events import run_resumed
from durable.core.state import RunState
from durable.core.transitions import CANCELLED, FAILED, INTERRUPTED, RUN_ENDS, SUCCEEDED, SUSPENDED
from durable.definition.blueprint import Blueprint
from durable.definition.compile import Compiled
from durable.definition.execution import default_processes, default_workers
from durable.engine.bulk_transitions import rejudge_failures, reopen_failures
from durable.engine.drive import PATIENCE, Drive
from durable.engine.journal import Observer
from durable.engine.lease import leased
from durable.engine.load import load, read_graph
from durable.engine.remote_groups import Factory
from durable.engine.request import Asked, Request
from durable.engine.run_input import input_writes, is_input_of
from durable.engine.run_view import RunView
from durable.engine.shutdown import GRACE_SECONDS, Interruption
from durable.engine.takeover import check_divergence, continue_run, create, follow
from durable.errors import DefinitionError, DurableError, RunConflict
from durable.executor import Executor, LoopExecutor
from durable.store import Lease, RunInfo, Store, refuse_pruned


class Host(msgspec.Struct):
    """Where and how runs are driven in this process.

    Attributes:
        store: where their logs are.
        executor: makes the executor for bodies that run off the driver; loop: that for coroutines;
            remote_executor: that for bodies in other processes.
        observers: called on the driver after each commit with ``(state, events)``.
        grace: seconds that running bodies get after a request to stop.
        wait: wait for whatever a run waits for instead of suspending it.
        on_drive: called with the drive before it begins.
    """

    store: Store
    executor: Callable[[], Executor]
    loop: Callable[[], LoopExecutor]
    remote_executor: Callable[[Factory | None], Executor]
    observers: tuple[Observer, ...] = ()
    grace: float = GRACE_SECONDS
    wait: bool = False
    on_drive: Callable[[Drive], None] | None = None


class Ended(msgspec.Struct):
    """What is left of a drive: what it reached, with the values it had cached, and the live exceptions by node.

    The view is None when nothing ran.
    """

    view: RunView | None = None
    causes: Mapping[int, BaseException] = {}


def start(host: Host, run_id: str, request: Request) -> Ended:
    """Begin a run, or resume it if it was interrupted; a finished one is left alone."""
    store = host.store
    code = Compiled(request.workflow, request.start)
    writes = input_writes(request.initial)
    info = store.run(run_id)
    if info is None:
        code.check_parameters(request.initial)
    else:
        _check_same(store, info, request, writes)
        if _rests(host, info):
            return Ended()
    with leased(store, run_id) as lease:
        info = store.run(run_id)
        if info is None:
            state = RunState(run_id, lambda _event: code.graph)  # what a reader makes of the event
            drive = _drive(host, lease, state, code)
            create(drive.journal, code, request, writes)
            state.read_graph = read_graph
        else:
            _check_same(store, info, request, writes)
            if _rests(host, info):
                return Ended()
            state = load(store, run_id, code=code)
            drive = _drive(host, lease, state, code)
            continue_run(drive.journal, lease, code, {}, accept=False)
        ended = _driven(host, drive)
    _heed_late_end(store, ended.view)
    return ended


def _heed_late_end(store: Store, view: RunView | None) -> None:
    """Record an end that was asked for after the drive had looked into its inbox for the last time."""
    if view is not None and view.state.status in (SUSPENDED, INTERRUPTED):
        from durable.engine.early_end import record_late_end

        record_late_end(store, view.run_id)


def _rests(host: Host, info: RunInfo) -> bool:
    """Whether there is nothing to do: the run has ended, or what it waits for has not come."""
    if info.status in RUN_ENDS.values():
        return True
    if info.status != "suspended" or info.messages or host.wait:
        return False
    return info.due is None or (info.due - host.store.clock.now()) / 1e6 > PATIENCE


def resume(host: Host, run_id: str, workflow: Blueprint, *, policy: Any, accept: bool, asked: Asked) -> Ended:
    """Resume an interrupted run, or reopen a failed one; a succeeded or cancelled one is left alone."""
    store = host.store
    with leased(store, run_id) as lease:
        info = store.run(run_id)
        code = None if info is None or _rests(host, info) else _compiled_ahead(store, run_id, workflow)
        state = load(store, run_id, code=code)
        if state.status == SUSPENDED and policy is None and info is not None and _rests(host, info):
            return Ended()
        if state.status in (SUCCEEDED, CANCELLED):
            if policy is not None and not _was_rejudged(store, run_id, make_policy(policy).describe()):
                raise DefinitionError(f"the run {state.status_name}: there is nothing to re-evaluate", run_id=run_id)
            return Ended()
        code = code or compile_for(state, workflow)
        drive = _drive(host, lease, state, code)
        resumed = state.status == FAILED
        if resumed:
            check_divergence(state, code, accept)
            drive.journal.emit(run_resumed(**asked))
            # Cancels that came too late, while the run was failing by itself: who resumes it wants it to go on.
            drive.journal.consume = [message.id for message in store.inbox(run_id) if message.kind == "cancel"]
            follow(drive.journal, code, accept, asked)
            if policy is None:
                reopen_failures(drive.journal, "the run was resumed")
        else:
            continue_run(drive.journal, lease, code, asked, accept=accept)
        if policy is not None:
            _rejudge(drive, policy, asked, resumed=resumed)
        ended = _driven(host, drive)
    _heed_late_end(store, ended.view)
    return ended


def check_workflow(info: RunInfo, workflow: Blueprint) -> None:
    """Refuse to resume a run of another workflow. Raises ``RunConflict``."""
    if info.workflow != workflow.name:
        raise RunConflict(
            f"the run is one of workflow {info.workflow!r}, not of {workflow.name!r}",
            run_id=info.run_id,
            hint="Use another run id, or the workflow that it belongs to",
        )


def compile_for(state: RunState, workflow: Blueprint) -> Compiled:
    """Compile a workflow as the run began it: from the same start."""
    assert state.created is not None
    return Compiled(workflow, state.created.fields.get("start"))


def _compiled_ahead(store: Store, run_id: str, workflow: Blueprint) -> Compiled | None:
    """Compile before the log is read, which then need not make the same graph again; None if that cannot be done."""
    try:
        return Compiled(workflow, store.event(run_id, 1).fields.get("start"))
    except (DurableError, msgspec.MsgspecError):
        return None  # the log may be damaged: first it is read, and verified


def _drive(host: Host, lease: Lease, state: RunState, code: Compiled) -> Drive:
    return Drive(
        host.store, lease, state, code, host.executor, host.loop, host.remote_executor, host.observers,
        default_workers(), default_processes(), host.grace, host.wait,
    )  # fmt: skip


def _driven(host: Host, drive: Drive) -> Ended:
    if host.on_drive is not None:
        host.on_drive(drive)
    try:
        drive.run()
    except Interruption as interruption:
        if interruption.signal == signal.SIGINT:
            raise KeyboardInterrupt(f"run {drive.state.run_id} was interrupted and can be resumed") from None
        if interruption.signal is not None:
            raise SystemExit(128 + interruption.signal) from None
    return Ended(drive.journal.view, drive.recorder.causes)


def _rejudge(drive: Drive, policy: Any, asked: Asked, *, resumed: bool) -> None:
    made = make_policy(policy)
    graph, described = drive.state.graph, made.describe()
    failed = [node for node in drive.state.failures() if graph.is_group(node)]
    if not failed and not _was_rejudged(drive.store, drive.state.run_id, described):
        raise DefinitionError(
            "no group of the run has failed, so there is nothing to re-evaluate", run_id=drive.state.run_id
        )
    for node in failed:
        made.check(graph.ids[node], graph.member_ids(node))
    open_still = [graph.ids[node] for node, given in drive.state.rejudged.items() if given["policy"] == described]
    for name in open_still + rejudge_failures(drive.journal, described, asked, run_others=resumed):
        drive.verdicts.policies[name] = made


def _was_rejudged(store: Store, run_id: str, described: Any) -> bool:
    """Whether the same was asked before, by a drive that was interrupted: then asking again continues it."""
    events = store.read(run_id)
    return any(event.type == "GroupReopened" and event.fields.get("policy") == described for event in events)


def _check_same(store: Store, info: RunInfo, request: Request, writes: list[Write]) -> None:
    """Refuse to mix a run with another workflow or another input, and to do a pruned one's work again."""
    check_workflow(info, request.workflow)
    refuse_pruned(info)
    if not is_input_of(store, info, request.initial, writes):
        raise RunConflict(
            "the run was started with another input",
            run_id=info.run_id,
            hint="Use another run id, or resume it without naming an input",
        )
    created = store.event(info.run_id, 1).fields
    if created.get("start") != request.start:
        raise RunConflict(
            f"the run was started with start={created.get('start')!r}", run_id=info.run_id, hint="Use another run id"
        )
