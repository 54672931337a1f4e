"""One attempt of a task: resolve its parameters, run its body, encode the result.

Runs wherever an executor puts it and never raises: it posts its completion. It must not touch the
state or the log, which belong to the driver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable.context import CURRENT, TaskExecutionContext, Write
from durable.definition.compile import Compiled
from durable.definition.task import Task
from durable.engine.view import RunView
from durable.errors import PayloadError, UnresolvedParameter, UpstreamUnavailable
from durable.payloads import Payload, decode, encode


class Attempt:
    """A call for an executor, and after it the attempt's completion.

    Args:
        node: the task's number; number: the attempt's.
        task: the live task.
        code: what the task's parameters are resolved with.
        view: the run's committed data.
        now: returns microseconds since 1970.

    Attributes:
        payload: the encoded result; error: the exception, if the body or its encoding failed.
        effects: what is to be committed with the result.
        ended: when the body ended, microseconds since 1970.
        post: takes the finished attempt when an executor runs it; None when it runs on the driver.
    """

    __slots__ = (
        "code", "context", "effects", "ended", "error", "node", "now", "number",
        "over", "payload", "post", "task", "view",
    )  # fmt: skip

    def __init__(
        self,
        node: int,
        number: int,
        task: Task[Any],
        code: Compiled,
        view: RunView,
        now: Callable[[], int],
    ) -> None:
        self.node = node
        self.number = number
        self.task = task
        self.code = code
        self.view = view
        self.now = now
        self.post: Callable[[Attempt], None] | None = None
        self.context: TaskExecutionContext | None = None
        self.payload: Payload | None = None
        self.error: BaseException | None = None
        self.effects: list[Write] | tuple[()] = ()
        self.over: str | None = None
        self.ended = 0

    def __call__(self) -> None:
        """Run the body, keep what came of it, and post it."""
        token = CURRENT.set(self.make_context)
        try:
            value = self._run()
            if value is not None:
                self.payload = encode(value)
            if self.context is not None:
                self.effects = self.context.effects()
        except BaseException as error:
            self._failed(error)
        finally:
            CURRENT.reset(token)
        self.ended = self.now()
        if self.post is not None:
            self.post(self)

    def make_context(self) -> TaskExecutionContext:
        """Return the attempt's context, made when it is first asked for."""
        if self.context is None:
            self.context = TaskExecutionContext(self.view, self.task.task_id, self.number)
            if self.over is not None:  # looked at after the context can be found: end() may come at any moment
                self.context.ended = self.over
        return self.context

    def end(self, why: str) -> None:
        """Let every later call on the context raise: the attempt is over for the run."""
        self.over = why
        if self.context is not None:
            self.context.ended = why

    def _failed(self, error: BaseException) -> None:
        self.error = error
        if isinstance(error, PayloadError) and error.task_id is None:
            error.task_id, error.run_id = self.task.task_id, self.view.run_id

    def _run(self) -> Any:
        task = self.task
        signature = task.signature
        if not signature.names and signature.context is None and not task.bound:
            return task.fn()
        if task.task_id in self.code.unstorable:
            raise self.code.unstorable[task.task_id]
        named = {name: self._argument(name) for name in signature.names if self._given(name)}
        own = self.code.bound.get(task.task_id)
        named |= task.bound if own is None else decode(own.encoding, own.data)
        if signature.context is not None:
            named[signature.context] = self.make_context()
        if not signature.positional:
            return task.fn(**named)
        first = [named.pop(name) if name in named else signature.defaults[name] for name in signature.positional]
        return task.fn(*first, **named)

    def _given(self, name: str) -> bool:
        """Whether a parameter needs to be resolved; one that stays at its default does not.

        Raises:
            UpstreamUnavailable, UnresolvedParameter: nothing gives it and it has no default.
        """
        if name in self.task.bound:
            return False
        node = self.code.upstream[self.task.task_id].get(name)
        if node is not None and self.view.has_value(node):
            return True
        if node is None and name in self.view.channel:
            return True
        if name in self.task.signature.optional:
            return False
        if node is not None:
            raise UpstreamUnavailable(
                f"{name!r} ended without a value, which parameter {name!r} needs",
                run_id=self.view.run_id,
                task_id=self.task.task_id,
                hint="Give the parameter a default to run without it",
            )
        raise UnresolvedParameter(
            f"nothing gives parameter {name!r} a value",
            run_id=self.view.run_id,
            task_id=self.task.task_id,
            hint="Bind it, give it a default, or have an upstream task set that channel key",
        )

    def _argument(self, name: str) -> Any:
        node = self.code.upstream[self.task.task_id].get(name)
        if node is not None:
            return self.view.value(node)
        return self.view.read_channel(name, self.view.channel[name])
