"""Drive: one process's effort to bring a run to its end.

The loop is: take completions, record them, decide, append everything in one commit, and only then
start what was decided. It owns the run's state and is the only one that appends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from durable.clock import Arrivals
from durable.core.decide import decide
from durable.core.decision import Decision
from durable.core.frontier import Frontier
from durable.core.run_events import run_interrupted
from durable.core.state import RunState
from durable.core.task_events import group_skipped, group_started, task_skipped
from durable.core.timers import RUN
from durable.core.transitions import INTERRUPTED, RUNNING
from durable.definition.compile import Compiled
from durable.definition.open_block import close_blocks, reopen_blocks
from durable.engine.attempt import Attempt
from durable.engine.bulk_transitions import end_as_asked
from durable.engine.durable_calls import DurableCalls
from durable.engine.heartbeat import Heartbeat
from durable.engine.inbox import Inbox
from durable.engine.journal import Journal, Observer
from durable.engine.messages import CANCEL, TERMINATE
from durable.engine.recorder import Recorder
from durable.engine.remote_groups import Factory, RemoteGroups
from durable.engine.run_end import finish, suspend
from durable.engine.run_view import RunView
from durable.engine.running_attempts import RunningAttempts
from durable.engine.shutdown import Aborted, Interruption, StopSignals
from durable.engine.starter import Starter
from durable.executor import Executor, LoopExecutor
from durable.store import Lease, Message, Store

if TYPE_CHECKING:
    from concurrent.futures import Future

    from durable.engine.map_items import MapItems
    from durable.engine.verdicts import Verdicts

LINGER = 0.2
"""Which part of a commit's usual time the driver waits for one more completion before it commits: where bodies are
short, a commit carries many of them; where they are long, the wait is a small part of what follows anyway."""

PATIENCE = 60.0
"""Seconds that a drive with nothing else to do stays for a timer; for a later one it suspends the run."""
LONGEST_WAIT = 60.0
"""Seconds after which the wall clock is looked at again while the driver waits for it: somebody may have set it."""


class Drive:
    """Drives one run.

    Args:
        store: where the log is.
        lease: the right to append.
        state: the folded state.
        code: the live workflow.
        executor: makes the executor for bodies that run off the driver; loop: that for coroutines;
            remote_executor: that for bodies in other processes, of what makes somebody else's executor, or of None
            for our own.
        observers: told after each commit.
        default_limit: tasks of a group that run at once when it does not say; processes: those of one whose bodies
            run in worker processes.
        grace: seconds that running bodies get after a request to stop.
        wait: wait for whatever the run waits for instead of suspending it.

    Attributes:
        inlines: whether a body may run on the driver when nothing else needs it meanwhile.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        state: RunState,
        code: Compiled,
        executor: Callable[[], Executor],
        loop: Callable[[], LoopExecutor],
        remote_executor: Callable[[Factory | None], Executor],
        observers: Iterable[Observer] = (),
        default_limit: int = 4,
        processes: int = 1,
        grace: float = 0.0,
        wait: bool = False,
    ) -> None:
        self.store = store
        self.lease = lease
        self.state = state
        self.code = code
        self.clock = store.clock
        self.journal = Journal(store, lease, state, RunView(store, state), observers)
        self.running = RunningAttempts(
            state, self.clock.monotonic, executor, loop, RemoteGroups(state, code, remote_executor)
        )
        self._arrived = Arrivals()
        self.durable_calls = DurableCalls(
            self.journal, self.running, self.clock.monotonic, self._arrived.put, self._pump
        )
        self.running.durable_calls = self.durable_calls
        self.journal.on_commit = self.durable_calls.committed
        self.recorder = Recorder(self.journal, self.running)
        self.starter = Starter(self.journal, self.running, code, self.durable_calls, lambda node: self.items.item(node))
        self._limits = (default_limit, processes)
        self._grace = grace
        self._wait_on = wait
        self.inlines = True
        self._inline = False
        self._reads_items = False
        self._stopping: str | None = None
        self._stop_by = 0.0
        self._ending: Message | None = None

    @cached_property
    def verdicts(self) -> Verdicts:
        """Judges the run's groups; made and imported when there is one."""
        from durable.engine.verdicts import Verdicts

        return Verdicts(self.journal, self.running, self.code, self.recorder.causes)

    @cached_property
    def items(self) -> MapItems:
        """Reads the items of the run's maps; made and imported when there is one."""
        from durable.engine.map_items import MapItems

        self._reads_items = True
        return MapItems(self.journal, self.code, self._arrived.put)

    def request_stop(self, reason: str, grace: float | None = None) -> None:
        """Ask for a graceful stop, from any thread.

        Args:
            reason: recorded.
            grace: seconds that running bodies get; None for the drive's own.
        """
        if grace is not None:
            self._grace = grace
        self._arrived.put(("stop", reason))

    def tell(self, message: Message) -> None:
        """Hand a message over, from any thread."""
        self._arrived.put(("message", message))

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
