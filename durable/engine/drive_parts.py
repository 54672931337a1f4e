"""The parts of a drive: journal, recorder, running attempts, durable calls; and how others reach it.

It must not decide what happens when; that is the loop's, in ``drive.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from durable.clock import Arrivals
from durable.core.state import RunState
from durable.definition.compile import Compiled
from durable.engine.durable_calls import DurableCalls
from durable.engine.journal import Journal, Observer
from durable.engine.recorder import Recorder
from durable.engine.remote_groups import Factory, RemoteGroups
from durable.engine.run_view import RunView
from durable.engine.running_attempts import RunningAttempts
from durable.engine.starter import Starter
from durable.executor import Executor, LoopExecutor
from durable.store import Lease, Message, Store

if TYPE_CHECKING:
    from concurrent.futures import Future

    from durable.engine.map_items import MapItems
    from durable.engine.verdicts import Verdicts


class DriveParts:
    """What a drive is made of, put together.

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

    def _pump(self, future: Future[int]) -> None:
        """Drive on until a future is done, for a body that runs on the driver."""
        raise NotImplementedError
