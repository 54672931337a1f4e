"""Drive: one process's effort to bring a run to its end.

The loop is: take completions, record them, decide, append everything in one commit, and only then
start what was decided. It owns the run's state and is the only one that appends.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Any

from durable.core.decide import Decision, Frontier
from durable.core.events import encode_fields
from durable.core.policies import GroupExecutionPolicy, is_built_in, make_policy
from durable.core.state import RunState
from durable.core.transitions import ENDED, FAILED, RUNNING
from durable.definition.compile import Compiled
from durable.definition.workflow import close_workflows, reopen_workflows
from durable.engine.attempt import Attempt
from durable.engine.changes import UNFINISHED, cancel_run, close_nodes, encode_refusal, reopen_member
from durable.engine.deadlines import Deadlines
from durable.engine.heartbeat import Heartbeat
from durable.engine.journal import Journal, Observer
from durable.engine.judge import Refusal, Verdict, judge
from durable.engine.stop import BrokenOff, StopSignals
from durable.engine.view import RunView
from durable.errors import AttemptEnded, StepLimitExceeded, TaskTimedOut
from durable.executor import Executor
from durable.failures import encode_error, record_error
from durable.payloads import Payload
from durable.store import Lease, Message, Store


class Interruption(Exception):
    """The drive stopped gracefully. ``signal`` is the signal's number, or None."""

    def __init__(self, reason: str, signal: int | None) -> None:
        super().__init__(reason)
        self.signal = signal


class Drive:
    """Drives one run.

    Args:
        store: where the log is.
        lease: the right to append.
        state: the folded state.
        code: the live workflow.
        executor: makes the executor for bodies that run off the driver.
        observers: told after each commit.
        default_limit: tasks of a group that run at once when it does not say.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        state: RunState,
        code: Compiled,
        executor: Callable[[], Executor],
        observers: Iterable[Observer] = (),
        default_limit: int = 4,
    ) -> None:
        self.store = store
        self.clock = store.clock
        self.state = state
        self.code = code
        self.view = RunView(store, state)
        self.journal = Journal(store, lease, state, None, self.view, observers)
        self.default_limit = default_limit
        self.lease = lease
        self.policies: dict[str, GroupExecutionPolicy] = dict(code.policies)
        self.causes: dict[int, BaseException] = {}
        self._make_executor = executor
        self._executor: Executor | None = None
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._running: dict[int, Attempt] = {}
        self._inline: Attempt | None = None
        self._deadlines = Deadlines()
        self._stop_reason: str | None = None
        self._stop_by = 0.0
        self._cancel: Message | None = None

    # What the outside may ask for, from any thread.

    def request_stop(self, reason: str) -> None:
        """Ask for a graceful stop."""
        self._done.put(("stop", reason))

    def _deliver(self, messages: list[Message]) -> None:
        for message in messages:
            if message.kind == "cancel":
                self._done.put(("cancel", message))

    def _lost(self) -> None:
        self._done.put(("lost", None))

    # The loop.

    def run(self, grace: float) -> None:
        """Drive until the run has ended.

        Args:
            grace: seconds that running bodies get after a request to stop.

        Raises:
            Interruption: a stop was asked for; the run can be resumed.
            LeaseLost, StoreError: what was acknowledged is safe; the run can be resumed.
        """
        self.frontier = Frontier(self.state, self._max_steps(), self.default_limit)
        self.journal.frontier = self.frontier
        for group in self.state.graph.members:
            if self.state.nodes[group] == RUNNING:
                self._watch_group(group)
        token = close_workflows()
        signals = StopSignals(self.request_stop, lambda: self._inline is not None, grace)
        try:
            with signals, Heartbeat(self.store, self.lease, self._deliver, self._lost):
                self._loop(grace)
            if self._stop_reason is not None and self.state.status not in ENDED:
                raise Interruption(self._stop_reason, signals.received)
        finally:
            reopen_workflows(token)
            for attempt in self._running.values():
                attempt.end("its drive ended")
            if self._executor is not None:
                self._executor.close()

    def _max_steps(self) -> int | None:
        fields = self.state.created.fields if self.state.created is not None else {}
        steps: int | None = fields.get("max_steps")
        return steps

    def _loop(self, grace: float) -> None:
        journal, frontier, clock = self.journal, self.frontier, self.clock
        while True:
            decision = None if self._stop_reason is not None else frontier.decide(clock.now())
            if decision is None:
                if self._stopped():
                    return
            elif decision.judge:
                journal.commit()
                for group, early in decision.judge:
                    self._judge(group, early)
                continue
            elif decision.open or decision.skip:
                self._open_and_skip(decision)
                continue
            elif decision.over or decision.out_of_steps:
                self._finish(decision)
                return
            started = [self._start(node) for node in decision.start] if decision is not None else []
            journal.commit()
            if len(started) == 1 and len(self._running) == 1 and self._can_inline(started[0]):
                self._run_inline(started[0])
            else:
                for attempt in started:
                    self._hand_over(attempt)
            self._wait(decision, grace)
            if self._cancel is not None:
                self._cancelled()
                return

    # Starting.

    def _open_and_skip(self, decision: Decision) -> None:
        ids = self.state.graph.ids
        for group in decision.open:
            self.journal.emit("GroupStarted", ids[group])
            self._watch_group(group)
        for node in decision.skip:
            kind = "GroupSkipped" if self.state.graph.is_group(node) else "TaskSkipped"
            self.journal.emit(kind, ids[node], data=encode_fields({"reason": "nothing that it follows was taken"}))

    def _start(self, node: int) -> Attempt:
        number = self.state.attempts[node] + 1
        task_id = self.state.graph.ids[node]
        self.journal.emit("TaskStarted", task_id, number)
        attempt = Attempt(node, number, self.code.tasks[task_id], self.code, self.view, self.clock.now, self._done.put)
        self._running[node] = attempt
        return attempt

    def _can_inline(self, attempt: Attempt) -> bool:
        """Whether a body may run on the driver: nothing else needs the driver meanwhile."""
        if attempt.task.timeout is not None or self._next_deadline() is not None:
            return False
        group = self.state.graph.parent[attempt.node]
        return group < 0 or self.state.graph.group(group).backend == "direct"

    def _run_inline(self, attempt: Attempt) -> None:
        self._inline = attempt
        try:
            attempt()
        except BrokenOff:  # the signal came after the body, while its completion was posted
            attempt.interrupted = True
            self._done.put(attempt)
        finally:
            self._inline = None

    def _hand_over(self, attempt: Attempt) -> None:
        if self._executor is None:
            self._executor = self._make_executor()
        timeout = attempt.task.timeout
        if timeout is not None:
            self._deadlines.add(self.clock.monotonic() + timeout, attempt.node, attempt.number)
        attempt.submitted = True
        self._executor.submit(attempt)

    def _watch_group(self, group: int) -> None:
        timeout = self.state.graph.group(group).timeout
        if timeout is not None:
            left = timeout - self.state.driven.get(group, 0) / 1e6
            self._deadlines.add(self.clock.monotonic() + max(left, 0.0), group)

    def _next_deadline(self) -> float | None:
        return self._deadlines.next(self._counts)

    def _counts(self, node: int, number: int) -> bool:
        """Whether a deadline is still that of something running."""
        if self.state.graph.is_group(node):
            return self.state.nodes[node] == RUNNING
        return node in self._running and self._running[node].number == number

    # Waiting and taking completions.

    def _wait(self, decision: Decision | None, grace: float) -> None:
        """Take every completion that is there, or wait for the first one."""
        queue = self._done
        if queue.empty():
            item = self.clock.take(queue, self._patience(decision), idle=not self._running)
            if item is None:
                self._time_out()
                return
        else:
            item = queue.get()
        while True:
            self._take(item, grace)
            try:
                item = queue.get_nowait()
            except Empty:
                break
        if self._next_deadline() is not None:
            self._time_out()

    def _patience(self, decision: Decision | None) -> float | None:
        """Seconds until time itself gives the driver something to do; None for never."""
        now = self.clock.monotonic()
        found = []
        due = self._next_deadline()
        if due is not None:
            found.append(due - now)
        if decision is not None and decision.wake is not None:
            found.append((decision.wake - self.clock.now()) / 1e6)
        if self._stop_reason is not None:
            found.append(self._stop_by - now)
        return max(min(found), 0.0) if found else None

    def _take(self, item: Any, grace: float) -> None:
        if isinstance(item, Attempt):
            self._completed(item)
        elif item[0] == "stop":
            if self._stop_reason is None:
                self._stop_reason = item[1]
                self._stop_by = self.clock.monotonic() + grace
        elif item[0] == "cancel":
            self._cancel = item[1]
        else:
            self.store.renew(self.lease)  # raises LeaseLost: somebody else drives the run now

    def _completed(self, attempt: Attempt) -> None:
        if self._running.get(attempt.node) is not attempt:
            return  # timed out or cancelled meanwhile: its late result is discarded
        del self._running[attempt.node]
        if self._executor is not None and attempt.submitted:
            self._executor.finished()
        attempt.end("it returned")
        name = attempt.task.task_id
        if attempt.error is None:
            self.journal.emit_writes(attempt.effects, name, attempt.number)
            data = None
            if attempt.payload is not None and attempt.payload.preview is not None:
                data = encode_fields({"preview": attempt.payload.preview})
            self.journal.emit("TaskSucceeded", name, attempt.number, data, attempt.payload, attempt.ended)
        elif isinstance(attempt.error, BrokenOff) or attempt.interrupted:
            self._interrupt(attempt.node, attempt.number)
        else:
            self._failed(attempt)

    def _failed(self, attempt: Attempt) -> None:
        assert attempt.error is not None and attempt.record is not None
        self.causes[attempt.node] = attempt.error
        self._attempt_failed(
            attempt.node,
            attempt.number,
            attempt.error,
            encode_error(attempt.record),
            attempt.record.line,
            attempt.ended,
        )

    def _attempt_failed(
        self, node: int, number: int, error: BaseException, payload: Payload, line: str, time: int
    ) -> None:
        """Record a failed or timed-out attempt: for good, or with another one to follow."""
        task_id = self.state.graph.ids[node]
        retry = self.code.tasks[task_id].retry
        spent = self.state.spent.get(node, 0) + 1
        timed_out = isinstance(error, TaskTimedOut)
        fields: dict[str, Any] = {"error": line}
        if retry is not None and spent < retry.max_attempts and self._worth_it(error, retry.retries(error)):
            delay = retry.delay(spent, random.random() if retry.jitter else 0.5)
            fields["due"] = self.clock.now() + int(delay * 1e6)
            fields["cause"] = "timed_out" if timed_out else "failed"
            self.journal.emit("TaskRetryScheduled", task_id, number, encode_fields(fields), payload, time)
        else:
            kind = "TaskTimedOut" if timed_out else "TaskFailed"
            self.journal.emit(kind, task_id, number, encode_fields(fields), payload, time)

    @staticmethod
    def _worth_it(error: BaseException, retries: bool) -> bool:
        return retries and not isinstance(error, AttemptEnded)

    def _interrupt(self, node: int, number: int) -> None:
        self.journal.emit("TaskInterrupted", self.state.graph.ids[node], number, encode_fields({"counted": False}))

    # Time.

    def _time_out(self) -> None:
        for node, number in self._deadlines.due(self.clock.monotonic()):
            if not self._counts(node, number):
                continue
            if self.state.graph.is_group(node):
                self._group_timed_out(node)
            else:
                seconds = self._running[node].task.timeout
                self._give_up(node, "timed out")
                error = TaskTimedOut(
                    f"attempt {number} took longer than its timeout of {seconds:g} s",
                    run_id=self.state.run_id,
                    task_id=self.state.graph.ids[node],
                )
                record = record_error(error)
                self._attempt_failed(node, number, error, encode_error(record), record.line, self.clock.now())

    def _group_timed_out(self, group: int) -> None:
        spec = self.state.graph.group(group)
        for node in self.state.graph.subtree(group):
            if self.state.graph.is_group(node) or self.state.nodes[node] not in UNFINISHED:
                continue
            self._give_up(node, "its group timed out")
            error = TaskTimedOut(
                f"its group {spec.id!r} took longer than its timeout of {spec.timeout:g} s",
                run_id=self.state.run_id,
                task_id=self.state.graph.ids[node],
            )
            record = record_error(error)
            data = encode_fields({"error": record.line})
            number = self.state.attempts[node]
            self.journal.emit("TaskTimedOut", self.state.graph.ids[node], number, data, encode_error(record))

    def _give_up(self, node: int, why: str) -> None:
        """Let go of a running attempt; what it still does is discarded."""
        attempt = self._running.pop(node, None)
        if attempt is not None:
            attempt.end(why)
            if self._executor is not None and attempt.submitted:
                self._executor.abandon()

    # Verdicts.

    def _judge(self, group: int, early: bool) -> None:
        spec = self.state.graph.group(group)
        policy = self._policy(group)
        live = self.code.groups.get(spec.id)
        tasks = [line[-1] for line in live.members] if live is not None else []
        verdict = judge(self.state, self.view, group, policy, tasks, early=early)
        if verdict.retries:
            self._retry_members(group, verdict)
        elif verdict.passed is not None:
            if verdict.cause is not None:
                self.causes[group] = verdict.cause
            self._close(group, "the group was decided")
            self._record_verdict(group, verdict, policy)

    def _policy(self, group: int) -> GroupExecutionPolicy:
        name = self.state.graph.ids[group]
        given = self.state.policies.get(group)
        if given is not None and is_built_in(given):
            return make_policy(given)
        return self.policies[name]

    def _retry_members(self, group: int, verdict: Verdict) -> None:
        spec = self.state.graph.group(group)
        self.journal.emit_writes(verdict.writes, spec.id)
        self.journal.emit("GroupRetryRequested", spec.id, data=encode_fields({"members": verdict.retries}))
        wanted = set(verdict.retries)
        for line in self.state.graph.members[group]:
            if self.state.graph.ids[line[-1]] in wanted:
                reopen_member(self.journal, line, "the policy asked for another attempt")

    def _record_verdict(self, group: int, verdict: Verdict, policy: GroupExecutionPolicy) -> None:
        name = self.state.graph.ids[group]
        fields: dict[str, Any] = {"policy": policy.describe()}
        if verdict.passed:
            self.journal.emit_writes(verdict.writes, name)
            self.journal.emit("GroupSucceeded", name, data=encode_fields(fields))
            return
        refusal = verdict.refusal or Refusal(f"group {name!r} failed")
        fields["error"] = " ".join(refusal.message.split())[:200]
        self.journal.emit("GroupFailed", name, 0, encode_fields(fields), encode_refusal(refusal))

    def _close(self, group: int, why: str) -> None:
        """Cancel what runs in a group and skip what has not started."""
        close_nodes(self.journal, self.state.graph.subtree(group), why, self._give_up)

    # Ends.

    def _finish(self, decision: Decision) -> None:
        failures = self.state.failures()
        if decision.out_of_steps:
            error = StepLimitExceeded(
                f"the run started {self.state.steps} attempts, as many as max_steps allows",
                run_id=self.state.run_id,
                hint="Raise max_steps, or look for a loop that does not end",
            )
            self.journal.emit("RunFailed", data=encode_fields({"error": record_error(error).line}))
        elif failures:
            self.journal.emit("RunFailed", data=encode_fields({"error": self._why(failures)}))
        else:
            self.journal.emit("RunSucceeded")
        self.journal.commit()

    def _why(self, failures: list[int]) -> str:
        ids, outcome = self.state.graph.ids, self.state.outcome
        first = min(failures, key=lambda node: outcome[node])
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        return f"{ids[first]} {'failed' if self.state.nodes[first] == FAILED else 'did not succeed'}{more}"

    def _stopped(self) -> bool:
        """Whether a requested stop is complete: nothing runs any more, or the grace period is over."""
        if self._running and self.clock.monotonic() < self._stop_by:
            return False
        for node, attempt in list(self._running.items()):
            self._give_up(node, "the drive was stopped")
            self._interrupt(node, attempt.number)
        self.journal.emit("RunInterrupted", data=encode_fields({"reason": self._stop_reason}))
        self.journal.commit()
        return True

    def _cancelled(self) -> None:
        assert self._cancel is not None
        cancel_run(self.journal, self._cancel, self._give_up)
