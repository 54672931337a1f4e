"""Task and ``@task``: a function with an id and settings.

A task holds no edges: operators return expressions, which the open ``with workflow(...)`` block takes
in. One task may stand in several workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, overload

from durable.core.retry import RetryPolicy
from durable.definition.block import open_block
from durable.definition.checks import check_id, check_seconds
from durable.definition.expressions import Linkable
from durable.definition.signature import signature_of
from durable.errors import DefinitionError

_COROUTINE = 0x80 | 0x200
"""Flags of the code of ``async def``, with and without ``yield``."""

F = TypeVar("F", bound=Callable[..., Any])


class Task(Linkable, Generic[F]):
    """A unit of work: a function, a stable id, and how it is to be run.

    Attributes:
        fn: the plain function.
        task_id: the id, unique in a workflow.
        bound: arguments bound by ``t(name=value)``.
        retry, timeout, version: as given to ``@task``.
        signature: what the function asks for.
    """

    __slots__ = ("bound", "fn", "inject_context", "retry", "signature", "task_id", "timeout", "version")

    fn: F
    bound: Mapping[str, Any]

    def __init__(
        self,
        fn: F,
        task_id: str | None = None,
        *,
        inject_context: bool = False,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        version: str | None = None,
    ) -> None:
        if not callable(fn):
            raise DefinitionError(f"a task needs a function, not {fn!r}")
        if getattr(getattr(fn, "__code__", None), "co_flags", 0) & _COROUTINE:
            raise DefinitionError(
                f"{getattr(fn, '__qualname__', fn)!r} is async, which tasks cannot be yet",
                hint="Write def, and asyncio.run(...) inside",
            )
        name = task_id if task_id is not None else getattr(fn, "__name__", type(fn).__name__)
        self.fn = fn
        self.task_id = check_id(name)
        self.inject_context = inject_context
        self.retry = retry
        self.timeout = check_seconds("timeout", timeout, self.task_id)
        self.version = version
        self.bound = {}
        self.signature = signature_of(fn, inject_context)

    @property
    def id(self) -> str:
        """The same as ``task_id``."""
        return self.task_id

    def __call__(self, *args: Any, task_id: str | None = None, **bound: Any) -> Task[F]:
        """Return an instance of the task with arguments bound; nothing runs.

        Args:
            task_id: the instance's own id; needed where the workflow has the task already.
            **bound: arguments of the function.

        Raises:
            DefinitionError: an argument that the function does not take, or one by position.
        """
        if args:
            raise DefinitionError(
                f"arguments of task {self.task_id!r} are bound by name",
                hint=f"Write {self.task_id}(name=value), or {self.task_id}.fn(...) to call the plain function",
            )
        signature = self.signature
        unknown = [name for name in bound if name not in signature.names]
        if unknown and not signature.extra:
            raise DefinitionError(
                f"task {self.task_id!r} takes no argument {', '.join(unknown)}",
                hint=f"It takes: {', '.join(signature.names) or 'none'}",
            )
        made: Task[F] = object.__new__(Task)
        made.fn = self.fn
        made.task_id = self.task_id if task_id is None else check_id(task_id)
        made.inject_context = self.inject_context
        made.retry = self.retry
        made.timeout = self.timeout
        made.version = self.version
        made.signature = signature
        made.bound = {**self.bound, **bound}
        return made

    def __repr__(self) -> str:
        return f"<Task {self.task_id}>"


@overload
def task(fn: F, /) -> Task[F]: ...
@overload
def task(
    task_id: str | None = None,
    /,
    *,
    id: str | None = None,
    inject_context: bool = False,
    retry: RetryPolicy | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    version: str | None = None,
) -> Callable[[F], Task[F]]: ...
def task(
    fn: Any = None,
    /,
    *,
    id: str | None = None,
    inject_context: bool = False,
    retry: RetryPolicy | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    version: str | None = None,
) -> Any:
    """Make a function a task: ``@task``, ``@task("id")`` or ``@task(id=..., timeout=...)``.

    Args:
        id: the id; the function's name when left out.
        inject_context: the first parameter receives the context, whatever its annotation.
        retry: when a failed attempt is followed by another one.
        max_retries: short for ``retry=RetryPolicy(max_attempts=max_retries + 1)``.
        timeout: seconds that one attempt may take.
        version: declared version of the code, used instead of a fingerprint of it.

    Raises:
        DefinitionError: an id, number or combination that cannot be.
    """
    if max_retries is not None:
        if retry is not None:
            raise DefinitionError("give a task either retry= or max_retries=, not both")
        if max_retries < 0:
            raise DefinitionError(f"max_retries must be 0 or more, not {max_retries!r}")
        retry = RetryPolicy(max_attempts=max_retries + 1)

    def made(function: Any) -> Task[Any]:
        name = fn if isinstance(fn, str) else id
        new = Task(
            function,
            name,
            inject_context=inject_context,
            retry=retry,
            timeout=timeout,
            version=version,
        )
        block = open_block()
        if block is not None:
            block.define(new)
        return new

    return made(fn) if callable(fn) else made
