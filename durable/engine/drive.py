"""Drive: one process's effort to bring a run to its end.

The loop is: take completions, record them, decide, append everything in one commit, and only then
start what was decided. It owns the run's state and is the only one that appends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable.core.decide import decide
from durable.core.decision import Decision
from durable.core.frontier import Frontier
from durable.core.run_events import run_interrupted
from durable.core.task_events import group_skipped, group_started, task_skipped
from durable.core.timers import RUN
from durable.core.transitions import INTERRUPTED, RUNNING
from durable.definition.open_block import close_blocks, reopen_blocks
from durable.engine.attempt import Attempt
from durable.engine.bulk_transitions import end_as_asked
from durable.engine.drive_parts import DriveParts
from durable.engine.heartbeat import Heartbeat
from durable.engine.inbox import Inbox
from durable.engine.messages import CANCEL, TERMINATE
from durable.engine.run_end import finish, suspend
from durable.engine.shutdown import Aborted, Interruption, StopSignals
from durable.store import Message

if TYPE_CHECKING:
    from concurrent.futures import Future


LINGER = 0.2
"""Which part of a commit's usual time the driver waits for one more completion before it commits: where bodies are
short, a commit carries many of them; where they are long, the wait is a small part of what follows anyway."""

PATIENCE = 60.0
"""Seconds that a drive with nothing else to do stays for a timer; for a later one it suspends the run."""
LONGEST_WAIT = 60.0
"""Seconds after which the wall clock is looked at again while the driver waits for it: somebody may have set it."""


class Drive(DriveParts):
    """Drives one run: the loop. See ``DriveParts`` for its arguments."""

    def run(self) -> None:
        """Drive until the run has ended or is suspended.

        Raises:
            Interruption: a stop was asked for; the run can be resumed.
            LeaseLost, StoreError: what was acknowledged is safe; the run can be resumed.
        """
        created = self.state.created
        steps: int | None = created.fields.get("max_steps") if created is not None else None
        self.frontier = self.journal.frontier = Frontier(self.state, steps, *self._limits)
        for group in self.state.graph.members:
            if self.state.nodes[group] == RUNNING:
                self.running.watch_group(group)
        self._inbox = Inbox(self.journal)
        signals = self._signals = StopSignals(self.request_stop, lambda: self._inline, self._grace)
        token = close_blocks()
        try:
            with signals, Heartbeat(self.store, self.lease, self.tell, self._lost):
                self._read_inbox()
                self._loop()
        finally:
            reopen_blocks(token)
            self.running.close()
        if self._stopping is not None and self.state.status == INTERRUPTED:
            raise Interruption(self._stopping, signals.received)

    def _loop(self) -> None:
        now, commit = self.clock.now, self.journal.commit
        frontier, attempts, state = self.frontier, self.running.attempts, self.state
        begin = self.starter.begin
        while self._ending is None and state.status == RUNNING:
            if self.running.cancelling is not None:
                self.recorder.cancel(self.running.cancelling)
                break
            if self._stopping is not None:
                decision = Decision()
                if self._stopped():
                    return
            else:
                decision = decide(frontier, moment := now())
            start = decision.start
            more = bool(decision.expand) and self.items.want(decision.expand)
            if start:
                started = [begin(node, moment) for node in start]
                commit()
                if len(attempts) == 1 and decision.wake is None and self._can_inline(started[0]):
                    self._run_inline(started[0])
                    if self._arrived.empty():
                        continue
                elif self.frontier.slots.chunks:
                    self.running.submit_chunks(started, self._arrived.put)
                else:
                    for attempt in started:
                        self.running.submit(attempt, self._arrived.put)
            elif decision.fire:
                self._fire(decision.fire)
                continue
            elif decision.judge:
                commit()
                self._judge(decision.judge)
                continue
            elif decision.open or decision.skip:
                self._open_and_skip(decision)
                continue
            elif decision.over or decision.out_of_steps:
                finish(self.journal, out_of_steps=decision.out_of_steps)
                return
            else:
                commit()
                if decision.suspended and self._suspends(decision.wake):
                    continue
            if not more:
                self._wait(decision.wake)
        if self._ending is not None and state.status == RUNNING:
            end_as_asked(self.journal, self._ending, self.running.give_up)
        commit()

    # Starting.

    def _open_and_skip(self, decision: Decision) -> None:
        graph = self.state.graph
        for group in decision.open:
            self.journal.emit(group_started(), graph.ids[group])
            self.running.watch_group(group)
        why = "nothing that it follows was taken"
        for node in decision.skip:
            self.journal.emit(group_skipped(why) if graph.is_group(node) else task_skipped(why), graph.ids[node])

    def _judge(self, ripe: list[tuple[int, bool]]) -> None:
        """Judge groups, each after what the verdicts before it lead to: of a race, two members may not both win."""
        for place, (group, early) in enumerate(ripe, 1):
            self.verdicts.give(group, early)
            if self.frontier.to_judge:
                self.frontier.judge_later(later for later, _ in ripe[place:])
                return

    def _fire(self, due: list[tuple[int, str]]) -> None:
        if due:
            self._read_inbox()  # what was sent in time counts, although nobody has looked at it yet
        for node, mark in due:
            if node == RUN:
                self.recorder.run_deadline_passed()
                return
            self.recorder.fire(node, mark)

    def _can_inline(self, attempt: Attempt) -> bool:
        """Whether a body may run on the driver: nothing else needs the driver meanwhile."""
        task, running, graph = attempt.task, self.running, self.state.graph
        if task.coroutine or task.timeout is not None or not self.inlines:
            return False
        if running.timed and running.next_deadline() is not None:
            return False
        group = graph.parent[attempt.node]
        return group < 0 or graph.group(group).backend == "direct"

    def _run_inline(self, attempt: Attempt) -> None:
        self._inline = True
        try:
            attempt()
        except Aborted as error:  # the grace period ended just after the body
            attempt.error = error
        finally:
            self._inline = False
        self.recorder.completed(attempt)
        if attempt.error is not None and isinstance(attempt.error, Aborted) and self._signals.received is None:
            self._told("stop", "the drive around it was stopped")  # a run inside a task's body

    # Waiting.

    def _pump(self, future: Future[int]) -> None:
        """Drive on while the only body, which runs here, waits; a body whose run is to end does not get its answer."""
        while not self._arrived.empty():
            self._take(self._arrived.get())
        while not future.done():
            self._fire(list(self.frontier.timers.over(self.clock.now())))
            self.journal.commit()
            self.durable_calls.settle()
            if self._ending is not None or (self._stopping is not None and self.clock.monotonic() >= self._stop_by):
                self.durable_calls.unwind()
                raise Aborted
            if future.done():
                return
            if self._stopping is not None or self.state.status != RUNNING:
                self.durable_calls.unwind()
                continue
            self._take(self.clock.take(self._arrived, self._patience(self.frontier.timers.next()), idle=True))

    def _wait(self, wake: int | None) -> None:
        """Take every completion that is there, or wait for the first one or for time to pass."""
        queue, running = self._arrived, self.running.attempts
        if queue.empty():
            idle = not running or (
                len(self.durable_calls.held) >= len(running) and self.durable_calls.holding.issuperset(running)
            )
            idle = idle and not (self._reads_items and self.items.reading)
            item = self.clock.take(queue, self._patience(wake), idle=idle)
        else:
            item = queue.get()
        linger = self.journal.commit_seconds * LINGER
        while item is not None:
            self._take(item)
            if self.frontier.to_judge or self.state.status != RUNNING:
                break  # what comes after a verdict, or after the end, must find it recorded
            if queue.empty():
                item = self.clock.soon(queue, linger) if running else None
                continue
            item = queue.get()
        if self.running.timed:
            self.recorder.time_out()
        if self.durable_calls.held and not self.journal.batch:
            self.durable_calls.settle()

    def _take(self, item: Any) -> None:
        if type(item) is Attempt:
            error = item.error
            broken_off = isinstance(error, Aborted) and self.running.attempts.get(item.node) is item
            if self.state.status == RUNNING:
                self.recorder.completed(item)
            if broken_off:
                self._told("stop", "a coroutine was cancelled from outside")
        elif item is not None:
            self._told(*item)

    def _patience(self, wake: int | None) -> float | None:
        """Seconds until time itself gives the driver something to do; None for never."""
        found = []
        due = self.running.next_deadline()
        if due is not None:
            found.append(due - self.clock.monotonic())
        if wake is not None:
            found.append(min((wake - self.clock.now()) / 1e6, LONGEST_WAIT))
        if self._stopping is not None:
            found.append(self._stop_by - self.clock.monotonic())
        held = self.durable_calls.next() if self.durable_calls.held else None
        if held is not None:
            found.append(held - self.clock.monotonic())
        return max(min(found), 0.0) if found else None

    def _told(self, what: str, detail: Any) -> None:
        """Take what a body, or somebody outside of the drive, asked for."""
        if what == "ask":
            self.durable_calls.take(detail)
        elif what == "members":
            group, read = detail
            self.items.take(group, read, self.verdicts.fail)
        elif what == "stop" and self._stopping is None:
            self._stopping = self.recorder.stopping = detail
            self._stop_by = self.clock.monotonic() + self._grace
            self.durable_calls.unwind()
        elif what == "message":
            self._message(detail)
        elif what == "lost":
            self.store.renew(self.lease)  # raises LeaseLost: somebody else drives the run now

    def _message(self, message: Message) -> None:
        if message.kind in (CANCEL, TERMINATE):
            if self._ending is None and message.id not in self.journal.consume:
                self._ending = message
        else:
            self._inbox.take(message)

    def _read_inbox(self) -> None:
        for message in self.store.inbox(self.state.run_id):
            self._message(message)

    def _lost(self) -> None:
        self._arrived.put(("lost", None))

    def _suspends(self, wake: int | None) -> bool:
        """Suspend the run; False when it is worth staying. The caller decides again when it is True."""
        near = wake is not None and (wake - self.clock.now()) / 1e6 <= PATIENCE
        if near or self._wait_on:
            return False
        self._read_inbox()
        if self.journal.batch or self._ending is not None or not self._arrived.empty():
            return self._arrived.empty()  # what has arrived is taken first
        suspend(self.journal, wake)
        return True

    # Ends.

    def _stopped(self) -> bool:
        """Whether a requested stop is complete: nothing runs any more, or the grace period is over."""
        if self.running.attempts and self.clock.monotonic() < self._stop_by:
            return False
        for attempt in list(self.running.attempts.values()):
            self.running.give_up(attempt.node, "the drive was stopped")
            self.recorder.interrupted(attempt)
        self.journal.emit(run_interrupted(self._stopping))
        self.journal.commit()
        return True
