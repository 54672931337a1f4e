"""Drive: one process's effort to bring a run to its end.

The loop is: take completions, record them, decide, append everything in one commit, and only then
start what was decided. It owns the run's state and is the only one that appends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

from durable.core.decide import Decision, Frontier
from durable.core.events import encode_fields
from durable.core.state import RunState
from durable.core.transitions import ENDED, FAILED, RUNNING
from durable.definition.block import close_blocks, reopen_blocks
from durable.definition.compile import Compiled
from durable.engine.attempt import Attempt
from durable.engine.changes import cancel_run
from durable.engine.heartbeat import Heartbeat
from durable.engine.journal import Journal, Observer
from durable.engine.recorder import Recorder
from durable.engine.running import Running
from durable.engine.stop import BrokenOff, StopSignals
from durable.engine.verdicts import Verdicts
from durable.engine.view import RunView
from durable.errors import StepLimitExceeded
from durable.executor import Executor
from durable.failures import record_error
from durable.store import Lease, Message, Store

LINGER = 0.2
"""Which part of a commit's usual time the driver waits for one more completion before it commits: where bodies are
short, a commit carries many of them; where they are long, the wait is a small part of what follows anyway."""


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
        grace: seconds that running bodies get after a request to stop.
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
        grace: float = 0.0,
    ) -> None:
        self.store = store
        self.lease = lease
        self.state = state
        self.code = code
        self.clock = store.clock
        self.journal = Journal(store, lease, state, RunView(store, state), observers)
        self.running = Running(state, self.clock.monotonic, executor)
        self.recorder = Recorder(self.journal, self.running, code)
        self.verdicts = Verdicts(self.journal, self.running, code, self.recorder.causes)
        self._default_limit = default_limit
        self._grace = grace
        self._arrived: SimpleQueue[Any] = SimpleQueue()
        self._inline = False
        self._stopping: str | None = None
        self._stop_by = 0.0
        self._cancel: Message | None = None

    def request_stop(self, reason: str) -> None:
        """Ask for a graceful stop, from any thread."""
        self._arrived.put(("stop", reason))

    def run(self) -> None:
        """Drive until the run has ended.

        Raises:
            Interruption: a stop was asked for; the run can be resumed.
            LeaseLost, StoreError: what was acknowledged is safe; the run can be resumed.
        """
        created = self.state.created
        steps: int | None = created.fields.get("max_steps") if created is not None else None
        self.frontier = self.journal.frontier = Frontier(self.state, steps, self._default_limit)
        for group in self.state.graph.members:
            if self.state.nodes[group] == RUNNING:
                self.running.watch_group(group)
        signals = self._signals = StopSignals(self.request_stop, lambda: self._inline, self._grace)
        token = close_blocks()
        try:
            with signals, Heartbeat(self.store, self.lease, self._deliver, self._lost):
                self._loop()
        finally:
            reopen_blocks(token)
            self.running.close()
        if self._stopping is not None and self.state.status not in ENDED:
            raise Interruption(self._stopping, signals.received)

    def _loop(self) -> None:
        now, commit = self.clock.now, self.journal.commit
        decide, attempts = self.frontier.decide, self.running.attempts
        while self._cancel is None:
            if self._stopping is not None:
                decision = Decision()
                if self._stopped():
                    return
            else:
                decision = decide(now())
            start = decision.start
            if start:
                started = [self._start(node) for node in start]
                commit()
                if len(attempts) == 1 and decision.wake is None and self._can_inline(started[0]):
                    self._run_inline(started[0])
                    if self._arrived.empty():
                        continue
                else:
                    for attempt in started:
                        self.running.submit(attempt, self._arrived.put)
            elif decision.judge:
                commit()
                for group, early in decision.judge:
                    self.verdicts.give(group, early)
                continue
            elif decision.open or decision.skip:
                self._open_and_skip(decision)
                continue
            elif decision.over or decision.out_of_steps:
                self._finish(decision)
                return
            else:
                commit()
            self._wait(decision.wake)
        cancel_run(self.journal, self._cancel, self.running.give_up)

    # Starting.

    def _open_and_skip(self, decision: Decision) -> None:
        graph = self.state.graph
        for group in decision.open:
            self.journal.emit("GroupStarted", graph.ids[group])
            self.running.watch_group(group)
        data = encode_fields({"reason": "nothing that it follows was taken"})
        for node in decision.skip:
            self.journal.emit("GroupSkipped" if graph.is_group(node) else "TaskSkipped", graph.ids[node], data=data)

    def _start(self, node: int) -> Attempt:
        number = self.state.attempts[node] + 1
        task_id = self.state.graph.ids[node]
        self.journal.emit("TaskStarted", task_id, number)
        journal = self.journal
        attempt = Attempt(node, number, self.code.tasks[task_id], self.code, journal.view, journal.now)
        self.running.attempts[node] = attempt
        return attempt

    def _can_inline(self, attempt: Attempt) -> bool:
        """Whether a body may run on the driver: nothing else needs the driver meanwhile."""
        if attempt.task.timeout is not None or (self.running.timed and self.running.next_deadline() is not None):
            return False
        group = self.state.graph.parent[attempt.node]
        return group < 0 or self.state.graph.group(group).backend == "direct"

    def _run_inline(self, attempt: Attempt) -> None:
        self._inline = True
        try:
            attempt()
        except BrokenOff as error:  # the grace period ended just after the body
            attempt.error = error
        finally:
            self._inline = False
        self.recorder.completed(attempt)
        if isinstance(attempt.error, BrokenOff) and self._signals.received is None:
            self._told("stop", "the drive around it was stopped")  # a run inside a task's body

    # Waiting.

    def _wait(self, wake: int | None) -> None:
        """Take every completion that is there, or wait for the first one or for time to pass."""
        queue = self._arrived
        if queue.empty():
            item = self.clock.take(queue, self._patience(wake), idle=not self.running.attempts)
        else:
            item = queue.get()
        linger = self.journal.commit_seconds * LINGER
        while item is not None:
            if type(item) is Attempt:
                self.recorder.completed(item)
            else:
                self._told(*item)
            if not queue.empty():
                item = queue.get()
            else:
                item = self.clock.soon(queue, linger) if self.running.attempts else None
        if self.running.timed:
            self.recorder.time_out()

    def _patience(self, wake: int | None) -> float | None:
        """Seconds until time itself gives the driver something to do; None for never."""
        found = []
        due = self.running.next_deadline()
        if due is not None:
            found.append(due - self.clock.monotonic())
        if wake is not None:
            found.append((wake - self.clock.now()) / 1e6)
        if self._stopping is not None:
            found.append(self._stop_by - self.clock.monotonic())
        return max(min(found), 0.0) if found else None

    def _told(self, what: str, detail: Any) -> None:
        """Take what somebody outside of the drive asked for."""
        if what == "stop" and self._stopping is None:
            self._stopping = detail
            self._stop_by = self.clock.monotonic() + self._grace
        elif what == "cancel":
            self._cancel = detail
        elif what == "lost":
            self.store.renew(self.lease)  # raises LeaseLost: somebody else drives the run now

    def _deliver(self, messages: list[Message]) -> None:
        for message in messages:
            if message.kind == "cancel":
                self._arrived.put(("cancel", message))

    def _lost(self) -> None:
        self._arrived.put(("lost", None))

    # Ends.

    def _stopped(self) -> bool:
        """Whether a requested stop is complete: nothing runs any more, or the grace period is over."""
        if self.running.attempts and self.clock.monotonic() < self._stop_by:
            return False
        for attempt in list(self.running.attempts.values()):
            self.running.give_up(attempt.node, "the drive was stopped")
            self.recorder.interrupted(attempt)
        self.journal.emit("RunInterrupted", data=encode_fields({"reason": self._stopping}))
        self.journal.commit()
        return True

    def _finish(self, decision: Decision) -> None:
        failures = self.state.outermost_failures()
        if decision.out_of_steps:
            error = StepLimitExceeded(f"the run started {self.state.steps} attempts, as many as max_steps allows")
            self.journal.emit("RunFailed", data=encode_fields({"error": record_error(error).line}))
        elif failures:
            self.journal.emit("RunFailed", data=encode_fields({"error": self._why(failures)}))
        else:
            self.journal.emit("RunSucceeded")
        self.journal.commit()

    def _why(self, failures: list[int]) -> str:
        first = failures[0]
        said = "failed" if self.state.nodes[first] == FAILED else "did not succeed"
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        return f"{self.state.graph.ids[first]} {said}{more}"
