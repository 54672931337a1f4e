"""The port between a body and its driver: what a body may ask for, and how it waits for the answer.

A durable call is written once, as a generator that yields what it needs (a future, a call, a pause) and
is run to its end either on the body's thread or on its event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from durable.values.payloads import Payload

if TYPE_CHECKING:
    from concurrent.futures import Future


class Draft(msgspec.Struct):
    """An event that a body wants to have recorded at once: its type, its own fields, its payload."""

    type: str
    fields: Mapping[str, Any] = {}
    payload: Payload | None = None


class Invoke(msgspec.Struct):
    """A call of the user's, made inside of a durable call."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


Durable: TypeAlias = Generator["Future[int] | Invoke", Any, Any]
"""A durable call: yields futures and invocations, gets their outcomes, returns its value."""


class Port(Protocol):
    """What an attempt offers to its context."""

    @property
    def is_async(self) -> bool:
        """Whether the body is a coroutine."""
        ...

    def ask(self, drafts: Sequence[Draft], mark: str | None = None, patience: float = 0.0) -> Future[int]:
        """Have events recorded, and wait for a mark's end.

        Args:
            drafts: the events.
            mark: the wait that is asked about; None when the events are all there is to it.
            patience: seconds to hold the body for; then the future raises ``Suspended``.

        Returns:
            A future: the sequence number of the event that ended the wait, else 0 once all is committed.
        """
        ...

    def now(self) -> int:
        """Return microseconds since 1970 on the driver's clock."""
        ...

    def pause(self, seconds: float) -> Future[int]:
        """Return a future that is done after some time on the driver's clock; nothing is recorded."""
        ...

    def wait(self, future: Future[int]) -> int:
        """Block the body's thread until a future is done, and return its outcome or raise it."""
        ...

    def made(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Take note of a durable call that the body must await."""
        ...

    def work(self) -> AbstractContextManager[None]:
        """Say that a call of the user's runs inside: a coroutine body is not unwound meanwhile, though others wait."""
        ...

    def run_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine for a body that is none itself, and return its outcome or raise it."""
        ...


def run(durable: Durable, port: Port) -> Any:
    """Run a durable call to its end and return its value; for a coroutine body return an awaitable of it."""
    if not port.is_async:
        return _run_sync(durable, port)
    coroutine = _run_async(durable, port)
    port.made(getattr(durable, "__name__", "").strip("_"), coroutine)
    return coroutine


def _run_sync(durable: Durable, port: Port) -> Any:
    outcome: Any = None
    error: BaseException | None = None
    while True:
        try:
            asked = durable.throw(error) if error is not None else durable.send(outcome)
        except StopIteration as stop:
            return stop.value
        outcome, error = None, None
        try:
            if not isinstance(asked, Invoke):
                outcome = port.wait(asked)
            else:
                outcome = asked.fn(*asked.args, **asked.kwargs)
                if isinstance(outcome, CoroutineType):
                    outcome = port.run_coroutine(outcome)
        except BaseException as raised:
            error = raised


async def _run_async(durable: Durable, port: Port) -> Any:
    import asyncio
    import inspect

    outcome: Any = None
    error: BaseException | None = None
    while True:
        try:
            asked = durable.throw(error) if error is not None else durable.send(outcome)
        except StopIteration as stop:
            return stop.value
        outcome, error = None, None
        try:
            if not isinstance(asked, Invoke):
                outcome = await asyncio.wrap_future(asked)
            else:
                with port.work():
                    if inspect.iscoroutinefunction(asked.fn):
                        outcome = await asked.fn(*asked.args, **asked.kwargs)
                    else:
                        outcome = await asyncio.to_thread(asked.fn, *asked.args, **asked.kwargs)
                        if inspect.isawaitable(outcome):
                            outcome = await outcome
        except BaseException as raised:
            error = raised
