"""Recorder: from what happened to an attempt to the events that say so."""

from __future__ import annotations

import msgspec

from durable.context.effects import Effects
from durable.core.data_events import prompt_rendered, timer_fired, wait_expired
from durable.core.durable_calls import TIMER, find
from durable.core.results import ErrorRecord
from durable.core.run_events import run_cancelled, run_failed, run_succeeded
from durable.core.task_events import (
    task_failed,
    task_interrupted,
    task_iterated,
    task_retry_scheduled,
    task_succeeded,
    task_suspended,
    task_timed_out,
)
from durable.core.transitions import ENDED, PENDING, RUNNING
from durable.engine.attempt import Attempt
from durable.engine.bulk_transitions import UNFINISHED, end_run, poison
from durable.engine.journal import Journal
from durable.engine.running_attempts import RunningAttempts
from durable.engine.shutdown import Aborted
from durable.errors import (
    AttemptEnded,
    CycleLimitExceeded,
    DeadlineExceeded,
    DefinitionError,
    DivergenceError,
    DurableError,
    RunInterrupted,
    Suspended,
    TaskTimedOut,
    WorkerDied,
)
from durable.values.failures import encode_error, record_error
from durable.values.payloads import Payload

_FINAL = (AttemptEnded, CycleLimitExceeded, DivergenceError)
"""What another attempt would only run into again."""

_CAUSES = 100
"""Live exceptions that are kept for the caller: they hold on to frames, and a batch may have many."""


class Recorder:
    """Records completions and time-outs of one drive.

    Args:
        journal: where events go.
        running: what runs now.

    Attributes:
        causes: the original exceptions of failed tasks and groups, by node.
        stopping: why the drive stops; None while it does not.
    """

    def __init__(self, journal: Journal, running: RunningAttempts) -> None:
        self.causes: dict[int, BaseException] = {}
        self.stopping: str | None = None
        self._journal = journal
        self._running = running

    def completed(self, attempt: Attempt) -> None:
        """Record an attempt that returned or raised; one that was given up, or comes after the end, is ignored."""
        if not self._running.finished(attempt):
            return
        error, context = attempt.error, attempt.context
        if error is None and context is None:
            self._returned(attempt, attempt.payload)
            return
        for prompt in context.prompts if context is not None else ():
            rendered = prompt_rendered(**msgspec.structs.asdict(prompt))
            self._journal.emit(rendered, attempt.task.task_id, attempt.number)
        if error is None:
            self._succeeded(attempt)
        elif _suspends(error):
            self._suspended(attempt)
        elif isinstance(error, (Aborted, RunInterrupted)):  # the latter comes from a run inside the body
            self.interrupted(attempt)
        elif isinstance(error, WorkerDied):
            self._died(attempt, error)
        else:
            self._failed(attempt, error, attempt.ended, attempt.record)
        if context is not None and context.cancels is not None and not _suspends(error):
            self.cancel(attempt)

    def _returned(self, attempt: Attempt, payload: Payload | None) -> None:
        """Record a success that brings nothing but its value, as most do."""
        self._journal.emit(task_succeeded(payload), attempt.task.task_id, attempt.number, attempt.ended)

    def _succeeded(self, attempt: Attempt) -> None:
        effects, payload, name = attempt.effects, attempt.payload, attempt.task.task_id
        if effects is None:
            self._returned(attempt, payload)
            return
        late = self._late_jump(effects)
        if late is not None:
            self._failed(attempt, late, attempt.ended)
            return
        self._emit_effects(effects, attempt)
        if effects.again:
            self._iterated(attempt, effects.iteration)
            return
        self._journal.emit(task_succeeded(payload, taken=effects.taken), name, attempt.number, attempt.ended)
        if effects.terminates:
            end_run(self._journal, run_succeeded(effects.result, terminated=name), self._running.give_up)

    def _emit_effects(self, effects: Effects, attempt: Attempt) -> None:
        journal, name, number = self._journal, attempt.task.task_id, attempt.number
        if effects.writes:
            journal.emit_writes(effects.writes, name, number)
        if effects.fragment is not None:
            from durable.engine.scheduled_events import emit_fragment  # for those who schedule

            emit_fragment(journal, name, number, effects.fragment)

    def _iterated(self, attempt: Attempt, arguments: Payload | None) -> None:
        iterated = task_iterated(arguments, iteration=attempt.iteration + 1)
        self._journal.emit(iterated, attempt.task.task_id, attempt.number, attempt.ended)

    def _late_jump(self, effects: Effects) -> DefinitionError | None:
        """The error of an attempt that goes to a task which another branch has started meanwhile."""
        state = self._journal.state
        for name in effects.fragment.jumps if effects.fragment is not None else ():
            if state.nodes[state.index[name]] != PENDING:
                return DefinitionError(
                    f"next_task(goto=True): {name!r} is {state.node_status(name)} already", run_id=state.run_id
                )
        return None

    def _suspended(self, attempt: Attempt) -> None:
        # What came after the body was unwound, and before this is recorded, must wake the task.
        waiting = dict.fromkeys([*attempt.waits, *self._journal.state.open_waits(attempt.node)])
        self._journal.emit(task_suspended(list(waiting)), attempt.task.task_id, attempt.number)

    def cancel(self, attempt: Attempt) -> None:
        """Cancel the run as a body has asked, unless it has ended meanwhile."""
        if self._journal.state.status not in ENDED:
            cancelled = run_cancelled(actor=f"task {attempt.task.task_id}", reason=attempt.cancels)
            end_run(self._journal, cancelled, self._running.give_up)

    def interrupted(self, attempt: Attempt) -> None:
        """Record that a graceful stop ended an attempt; that does not count against its task."""
        self._journal.emit(task_interrupted(counted=False), attempt.task.task_id, attempt.number)

    def _died(self, attempt: Attempt, error: WorkerDied) -> None:
        """Record that the process of a body died. It is tried again, unless that was its last attempt."""
        counted = error.counted and self.stopping is None  # whoever stops a driver may stop its workers too
        interrupted = task_interrupted(counted=counted, reason=error.message)
        self._journal.emit(interrupted, attempt.task.task_id, attempt.number)
        failed = poison(self._journal, attempt.node)
        if failed is not None and len(self.causes) < _CAUSES:
            failed.__cause__ = error
            self.causes[attempt.node] = failed

    def time_out(self) -> None:
        """Record everything whose time has run out."""
        for node in self._running.out_of_time():
            if self._journal.state.graph.is_group(node):
                self._group_timed_out(node)
            elif node in self._running.attempts:
                self._attempt_timed_out(self._running.attempts[node])

    def fire(self, node: int, mark: str) -> None:
        """Record that a sleep, a wait or a task's deadline is over."""
        state = self._journal.state
        name, number = state.graph.ids[node], state.attempts[node]
        if not mark:
            self._deadline_passed(node)
            return
        found = find(state.marks.get(node), mark)
        if found is None or not found.waits:
            return  # what it waited for came in the last moment
        self._journal.emit(timer_fired(mark) if found.kind == TIMER else wait_expired(mark), name, number)

    def run_deadline_passed(self) -> None:
        """Fail the run: what still runs is out of time, what has not started does not start."""
        state = self._journal.state
        error = DeadlineExceeded("the run was not done by its deadline", run_id=state.run_id)
        for node in list(self._running.attempts):
            self._out_of_time(node, error, "the run's deadline passed")
        self._journal.emit(run_failed(record_error(error).line))

    def _deadline_passed(self, node: int) -> None:
        state = self._journal.state
        seconds = state.graph.deadlines.get(node, 0.0)
        error = DeadlineExceeded(
            f"the task was not done {seconds:g} s after its first start",
            run_id=state.run_id,
            task_id=state.graph.ids[node],
        )
        self._out_of_time(node, error, "its deadline passed")
        if len(self.causes) < _CAUSES:
            self.causes[node] = error

    def _out_of_time(self, node: int, error: DurableError, why: str) -> None:
        state = self._journal.state
        self._running.give_up(node, why)
        record = record_error(error)
        timed_out = task_timed_out(encode_error(record), error=record.line)
        self._journal.emit(timed_out, state.graph.ids[node], state.attempts[node])

    def _attempt_timed_out(self, attempt: Attempt) -> None:
        self._running.give_up(attempt.node, "timed out")
        error = TaskTimedOut(
            f"attempt {attempt.number} took longer than its timeout of {attempt.task.timeout:g} s",
            run_id=self._journal.state.run_id,
            task_id=attempt.task.task_id,
        )
        self._failed(attempt, error, self._journal.now())

    def _group_timed_out(self, group: int) -> None:
        state = self._journal.state
        spec = state.graph.group(group)
        for node in [group, *(state.graph.subtree(group) if group not in state.graph.expansions.by_group else ())]:
            if node in state.graph.expansions.by_group and state.nodes[node] == RUNNING:
                from durable.engine.scheduled_events import close_map  # for maps that run out of time

                close_map(self._journal, node)
        for node in state.graph.subtree(group):
            if state.graph.is_group(node) or state.nodes[node] not in UNFINISHED:
                continue
            error = TaskTimedOut(
                f"its group {spec.id!r} took longer than its timeout of {spec.timeout:g} s",
                run_id=state.run_id,
                task_id=state.graph.ids[node],
            )
            self._out_of_time(node, error, "its group timed out")

    def _failed(self, attempt: Attempt, error: BaseException, time: int, record: ErrorRecord | None = None) -> None:
        """Record a failed or timed-out attempt: for good, or with another one to follow."""
        record = record or record_error(error)
        details, line, timed_out = encode_error(record), record.line, isinstance(error, TaskTimedOut)
        due = self._next_attempt(attempt, error)
        if due is not None:
            cause = "timed_out" if timed_out else "failed"
            draft = task_retry_scheduled(details, error=line, due=due, cause=cause)
        else:
            draft = task_timed_out(details, error=line) if timed_out else task_failed(details, error=line)
            if len(self.causes) < _CAUSES:
                self.causes[attempt.node] = error
        self._journal.emit(draft, attempt.task.task_id, attempt.number, time)

    def _next_attempt(self, attempt: Attempt, error: BaseException) -> int | None:
        """When the task is tried again, microseconds since 1970; None when it is not."""
        retry, spent = attempt.retry, self._journal.state.spent.get(attempt.node, 0) + 1
        if retry is None or isinstance(error, _FINAL) or not retry.follows(spent, error):
            return None
        from random import random  # 1 ms, for those who fail

        delay = retry.delay(spent, random() if retry.jitter else 0.5)
        return self._journal.now() + int(delay * 1e6)


def _suspends(error: BaseException | None) -> bool:
    """Whether a body was unwound because it waits, also from inside of task groups of its own."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_suspends, error.exceptions))
    return isinstance(error, Suspended)
