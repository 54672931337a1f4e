"""An attempt as its context sees it: who it is, what earlier attempts left, and the way to the driver.

It must not touch the state or the log, which belong to the driver; what the body wants recorded goes through
``DurableCalls``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from durable.context.task_context import TaskExecutionContext
from durable.core.durable_calls import Marks, copied
from durable.core.state import RunState
from durable.core.transitions import PENDING
from durable.definition.compile import Compiled
from durable.definition.task import Task
from durable.engine.arguments import Member, next_arguments
from durable.engine.run_view import RunView
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from durable.core.events import Draft
    from durable.engine.durable_calls import DurableCalls

_MANY = 64
"""Durable calls of a coroutine body that are kept before those that were awaited are dropped."""

_NO_MARKS: Marks = {}


class AttemptPort:
    """The port of one attempt's context; see ``durable.context.port.Port``.

    Args:
        node: the task's number; number: the attempt's.
        task: the live task.
        code: what the task's parameters are resolved with.
        view: the run's committed data.
        durable_calls: takes what the body wants to have recorded.
        member: what a member of a map needs besides.

    Attributes:
        post: takes the finished attempt when an executor runs it; None when it runs on the driver.
        iteration: the task's iteration, from 1; before: attempts of the iterations before it.
        marks, saved, carried: what earlier attempts recorded, as in the state.
        over: why the attempt is over for the run; None while it is not.
        calls: durable calls of a coroutine body, by name.
        working: calls of the user's that run inside of a coroutine body's durable calls.
        waits: marks that the body asked for the end of and was not given it; the driver's.
    """

    # What most attempts never have stands in the class: setting it for each would cost more than a short body.
    post: Callable[[Any], None] | None = None
    context: TaskExecutionContext | None = None
    over: str | None = None
    waits: Sequence[str] = ()
    working = 0
    calls: Sequence[tuple[str, Coroutine[Any, Any, Any]]] = ()
    iteration, round, before = 1, 0, 0
    marks: Marks = _NO_MARKS
    saved = 0
    carried: Sequence[int] = ()
    member: Member | None = None

    def __init__(
        self,
        node: int,
        number: int,
        task: Task[Any],
        code: Compiled,
        view: RunView,
        durable_calls: DurableCalls,
        member: Member | None = None,
    ) -> None:
        self.node = node
        self.number = number
        self.task = task
        self.code = code
        self.view = view
        self.durable_calls = durable_calls
        if member is not None:
            self.member = member
        state = view.state
        if state.iterations or state.marks or state.saved or state.carried:
            self._take_up(state)

    def _take_up(self, state: RunState) -> None:
        """Take what earlier attempts and iterations have left, as it is now: the state goes on."""
        node = self.node
        if node in state.iterations:
            self.iteration, self.round, self.before = state.iterations[node]
        if state.marks.get(node):
            self.marks = copied(state.marks[node])
        self.saved = state.saved.get(node, 0)
        self.carried = tuple(state.carried.get(node, ()))

    def make_context(self) -> TaskExecutionContext:
        """Return the attempt's context, made when it is first asked for."""
        if self.context is None:
            self.context = TaskExecutionContext(self.view, self)
            if self.over is not None:  # looked at after the context can be found: end() may come at any moment
                self.context.ended = self.over
        return self.context

    @property
    def home(self) -> str:
        """What the live code has its parameters under: its id, or that of the map it is a member of."""
        return self.task.task_id if self.member is None else self.member.home

    @property
    def is_async(self) -> bool:
        """Whether the body is a coroutine."""
        return self.task.coroutine

    def now(self) -> int:
        """Return microseconds since 1970."""
        return self.durable_calls.now()

    def ask(self, drafts: Sequence[Draft], mark: str | None = None, patience: float = 0.0) -> Future[int]:
        """See ``Port.ask``."""
        return self.durable_calls.ask(self, drafts, mark, patience)

    def pause(self, seconds: float) -> Future[int]:
        """See ``Port.pause``."""
        return self.durable_calls.pause(self, seconds)

    def wait(self, future: Future[int]) -> int:
        """See ``Port.wait``."""
        if self.post is None:
            self.durable_calls.pump(future)
        return future.result()

    def made(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        """See ``Port.made``."""
        kept = self.calls if len(self.calls) <= _MANY else [call for call in self.calls if is_unawaited(call[1])]
        self.calls = [*kept, (name, coroutine)]

    @contextmanager
    def work(self) -> Iterator[None]:
        """See ``Port.work``."""
        self.working += 1
        try:
            yield
        finally:
            self.working -= 1
            if not self.working and self.waits:
                self.durable_calls.look_again()

    def run_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """See ``Port.run_coroutine``."""
        return self.durable_calls.run_coroutine(coroutine)

    def own(self, item: Any) -> str | None:
        """The id of a task or group of the workflow itself; None for anything else."""
        name = getattr(item, "task_id", None)
        if name is not None and (self.code.tasks.get(name) is item or self.code.groups.get(name) is item):
            return str(name)
        return None

    def check_jump(self, target: str) -> None:
        """Refuse to go to a task or group that has started. Raises ``DefinitionError``."""
        state = self.view.state
        node = state.index[target]
        if state.nodes[node] != PENDING or node == self.node or state.graph.parent[node] >= 0:
            said = "stands in a group" if state.graph.parent[node] >= 0 else f"is {state.node_status(target)} already"
            raise DefinitionError(
                f"next_task(goto=True): {target!r} {said}",
                run_id=self.view.run_id,
                task_id=self.task.task_id,
                hint=f"Go to a task that has not started, or schedule a new one: {target}(task_id=...)",
            )

    def next_arguments(self, data: Any) -> Mapping[str, Any]:
        """All arguments of the next iteration. Raises ``DefinitionError``."""
        return next_arguments(self, data)


def is_unawaited(coroutine: Coroutine[Any, Any, Any]) -> bool:
    """Whether a coroutine was made and never begun."""
    import inspect

    return inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
