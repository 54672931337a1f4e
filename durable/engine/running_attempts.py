"""Running: what runs now. Attempts by task, the executor that has them, and when they run out of time.

It records nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from threading import Lock
from typing import TYPE_CHECKING

from durable.core.state import RunState
from durable.core.transitions import RUNNING
from durable.engine.attempt import Attempt
from durable.engine.deadlines import Deadlines
from durable.executor import Executor, LoopExecutor

if TYPE_CHECKING:
    from durable.engine.durable_calls import DurableCalls
    from durable.engine.remote_groups import RemoteGroups


class RunningAttempts:
    """The attempts of one drive that have not ended.

    Args:
        state: the folded state.
        monotonic: seconds on a clock that never goes back.
        make_executor: makes the executor for plain functions, when the first body needs it.
        make_loop: makes that for coroutines.
        remote: has those for plain functions that run in other processes.

    Attributes:
        attempts: by task number.
        asks: what their bodies wait for; set by the drive.
        cancelling: an attempt that was given up after its body had asked for the run to be cancelled.
        timed: empty unless something that runs, or ran lately, has a deadline.
    """

    durable_calls: DurableCalls

    def __init__(
        self,
        state: RunState,
        monotonic: Callable[[], float],
        make_executor: Callable[[], Executor],
        make_loop: Callable[[], LoopExecutor],
        remote: RemoteGroups,
    ) -> None:
        self.attempts: dict[int, Attempt] = {}
        self.cancelling: Attempt | None = None
        self._state = state
        self._monotonic = monotonic
        self._make_executor = make_executor
        self._make_loop = make_loop
        self._remote = remote
        self._executor: Executor | None = None
        self._loop: LoopExecutor | None = None
        self._making = Lock()
        self._deadlines = Deadlines()
        self.timed: Sized = self._deadlines.heap

    def submit(self, attempt: Attempt, post: Callable[[Attempt], None]) -> None:
        """Let an attempt run off the driver, at once.

        Args:
            attempt: the attempt.
            post: takes it when it is over, on the executor's thread.
        """
        if attempt.task.timeout is not None:
            self._watch(attempt)
        attempt.post = post
        self._executor_of(attempt).submit(attempt)

    def submit_chunks(self, attempts: Sequence[Attempt], post: Callable[[Attempt], None]) -> None:
        """The same for several attempts; those of groups that want it are handed over some at a time."""
        graph, waiting = self._state.graph, dict[int, list[Attempt]]()
        for attempt in attempts:
            group = graph.parent[attempt.node]
            size = graph.group(group).chunk if group >= 0 else 1
            if size == 1:
                self.submit(attempt, post)
                continue
            self._watch(attempt)
            attempt.post = post
            chunk = waiting.setdefault(group, [])
            chunk.append(attempt)
            if len(chunk) == size:
                self._executor_of(attempt).submit_chunk(waiting.pop(group))
        for chunk in waiting.values():
            self._executor_of(chunk[0]).submit_chunk(chunk)

    def _watch(self, attempt: Attempt) -> None:
        """Note when an attempt runs out of time, if it does."""
        timeout = attempt.task.timeout
        if timeout is not None:
            left = max(timeout - self._state.driven.get(attempt.node, 0) / 1e6, 0.0)
            self._deadlines.add(self._monotonic() + left, attempt.node, attempt.number)

    def loop(self) -> LoopExecutor:
        """The executor of coroutines."""
        with self._making:  # a body of a plain function may ask for it too
            if self._loop is None:
                self._loop = self._make_loop()
            return self._loop

    def _executor_of(self, attempt: Attempt) -> Executor:
        if attempt.task.coroutine:
            return self.loop()
        found = self._remote.executor_of(self._state.graph.parent[attempt.node])
        if found is not None:
            return found
        if self._executor is None:
            self._executor = self._make_executor()
        return self._executor

    def watch_group(self, group: int) -> None:
        """Note when a running group runs out of time, if it does."""
        timeout = self._state.graph.group(group).timeout
        if timeout is not None:
            left = timeout - self._state.driven.get(group, 0) / 1e6
            self._deadlines.add(self._monotonic() + max(left, 0.0), group, self._state.started[group])

    def finished(self, attempt: Attempt) -> bool:
        """Take an attempt that has posted its completion out; False when it had been given up."""
        if self.attempts.get(attempt.node) is not attempt:
            return False
        del self.attempts[attempt.node]
        attempt.over = "it returned"  # before the context is looked at, as in end()
        if attempt.context is not None:
            attempt.end("it returned")
        if self.durable_calls.held:
            self.durable_calls.drop(attempt)
        return True

    def give_up(self, node: int, why: str) -> None:
        """Drop a running attempt, if there is one; what it still does is discarded."""
        attempt = self.attempts.pop(node, None)
        if attempt is not None:
            attempt.end(why)
            self.durable_calls.drop(attempt)
            if attempt.cancels is not None and self.cancelling is None:
                self.cancelling = attempt
            if attempt.post is not None:
                self._executor_of(attempt).abandon(attempt)

    def next_deadline(self) -> float | None:
        """When the next attempt or group runs out of time, in seconds on the monotonic clock."""
        return self._deadlines.next(self._counts)

    def out_of_time(self) -> list[int]:
        """Return the tasks and groups whose time has run out."""
        due = self._deadlines.due(self._monotonic())
        return [node for node, number in due if self._counts(node, number)]

    def close(self) -> None:
        """Give everything up and let the executor go."""
        for node in list(self.attempts):
            self.give_up(node, "its drive ended")
        for executor in (self._executor, self._loop):
            if executor is not None:
                executor.close()
        self._remote.close()

    def _counts(self, node: int, number: int) -> bool:
        """Whether a deadline is still that of something running."""
        if self._state.graph.is_group(node):  # identified by when its round started
            return self._state.nodes[node] == RUNNING and self._state.started[node] == number
        attempt = self.attempts.get(node)
        return attempt is not None and attempt.number == number
