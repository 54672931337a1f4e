"""One attempt of a task: resolve its parameters, run its body, encode the result.

Runs wherever an executor puts it and never raises: it posts its completion. It must not touch the
state or the log, which belong to the driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable.context.current import CURRENT
from durable.context.effects import Effects
from durable.engine.arguments import arguments_of
from durable.engine.attempt_port import AttemptPort, is_unawaited
from durable.engine.shutdown import Aborted
from durable.errors import DefinitionError, PayloadError
from durable.values.payloads import Payload, encode

if TYPE_CHECKING:
    from durable.core.results import ErrorRecord
    from durable.core.retry import RetryPolicy


class Attempt(AttemptPort):
    """A call for an executor, and after it the attempt's completion. See ``AttemptPort`` for its arguments.

    Attributes:
        payload: the encoded result; error: the exception, if the body or its encoding failed; record: the same as
            data, if it came from another process.
        effects: what is to be committed with the result.
        ended: when the body ended, microseconds since 1970.
    """

    # What most attempts never have stands in the class: setting it for each would cost more than a short body.
    payload: Payload | None = None
    error: BaseException | None = None
    record: ErrorRecord | None = None
    effects: Effects | None = None
    ended = 0

    def __call__(self) -> None:
        """Run the body, keep what came of it, and post it."""
        token = CURRENT.set(self.make_context)
        try:
            value = self._run()
            if value is not None or self.context is not None or self.task.route is not None:
                self._keep(value)
        except BaseException as error:
            self._failed(error)
        finally:
            CURRENT.reset(token)
        self._finish()

    async def coroutine(self) -> None:
        """Do the same for a body that is a coroutine, on its event loop."""
        token = CURRENT.set(self.make_context)
        try:
            value = await self._run()
            self._refuse_unawaited()
            self._keep(value)
        except BaseException as error:
            self._failed(Aborted() if _cancelled_from_outside(error) else error)
        finally:
            CURRENT.reset(token)
        self._finish()

    # As a call for another process.

    def pack(self) -> bytes:
        """See ``RemoteCall.pack``: the parameters are resolved here, where the run is."""
        from durable.executors.remote import pack_call

        first, named = arguments_of(self)
        return pack_call(self.task, self.view.run_id, first, named)

    def answer(self, data: bytes) -> None:
        """See ``RemoteCall.answer``."""
        from durable.executors.remote import read_answer

        try:
            answer = read_answer(data)
            if answer.error is not None:
                self.error, self.record = answer.exception(), answer.error
            else:
                self.payload = answer.payload
                self._keep_effects()
        except BaseException as error:
            self._failed(error)
        self._finish()

    def fail(self, error: BaseException) -> None:
        """See ``RemoteCall.fail``."""
        self._failed(error)
        self._finish()

    def _finish(self) -> None:
        self.ended = self.durable_calls.now()
        if self.post is not None:
            self.post(self)

    def end(self, why: str) -> None:
        """Let every later call on the context raise: the attempt is over for the run."""
        self.over = why
        if self.context is not None:
            self.context.ended = why

    @property
    def retry(self) -> RetryPolicy | None:
        """When another attempt follows this one if it fails; None when none does."""
        return self.task.retry

    @property
    def cancels(self) -> str | None:
        """Why the run is to be cancelled now that the attempt is over."""
        return self.context.cancels if self.context is not None else None

    def _refuse_unawaited(self) -> None:
        """Refuse a body that did not await its durable calls: nothing was done and nothing was recorded."""
        lost = [(name, call) for name, call in self.calls if is_unawaited(call)]
        for _, call in lost:
            call.close()
        if lost:
            names = ", ".join(dict.fromkeys(name for name, _ in lost))
            raise DefinitionError(
                f"the body returned without awaiting {len(lost)} of its durable calls ({names}): they were not made",
                run_id=self.view.run_id,
                task_id=self.task.task_id,
                hint="Write await in front of them",
            )

    def _keep(self, value: Any) -> None:
        if value is not None:
            self.payload = encode(value)
        self._keep_effects()

    def _keep_effects(self) -> None:
        if self.task.route is not None:
            context = self.make_context()
            context.choose(self.task.route(context))
        if self.context is not None:
            if self.context.loop_error is not None:
                raise self.context.loop_error
            self.effects = self.context.effects()

    def _failed(self, error: BaseException) -> None:
        self.error = error
        if isinstance(error, PayloadError) and error.task_id is None:
            error.task_id, error.run_id = self.task.task_id, self.view.run_id

    def _run(self) -> Any:
        task = self.task
        signature = task.signature
        if not signature.names and signature.context is None and not task.bound:
            return task.fn()
        first, named = arguments_of(self)
        return task.fn(*first, **named)


def _cancelled_from_outside(error: BaseException) -> bool:
    """Whether a coroutine was cancelled as a task: its event loop is shut down. The engine's own cancels come later."""
    import asyncio

    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
