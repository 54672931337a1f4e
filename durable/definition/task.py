"""Task and ``@task``: a function with an id and settings.

A task holds no edges: operators return expressions, which the open ``with workflow(...)`` block takes
in. One task may stand in several workflows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Generic, TypeVar, overload

from durable.core.retry import RetryPolicy
from durable.definition.checks import check_id, check_seconds
from durable.definition.expressions import Linkable
from durable.definition.maps import Items, MapGroup
from durable.definition.open_block import open_block
from durable.definition.signature import Signature, signature_of
from durable.errors import DefinitionError

_COROUTINE, _ASYNC_GENERATOR = 0x80, 0x200
"""Flags of the code of ``async def``, without and with ``yield``."""

F = TypeVar("F", bound=Callable[..., Any])


class Task(Linkable, Generic[F]):
    """A unit of work: a function, a stable id, and how it is to be run.

    Attributes:
        fn: the plain function.
        task_id: the id, unique in a workflow.
        bound: arguments bound by ``t(name=value)``.
        retry, timeout, deadline, max_cycles, version: as given to ``@task``.
        inject_context: whether the first parameter receives the context, whatever its annotation.
        signature: what the function asks for.
        coroutine: whether the function is ``async def``.
        template: the id before ``t(task_id=...)`` gave the instance its own.
        route: given the context after the body, says which successors are taken; None for all.

    Raises:
        DefinitionError: no function, or settings that cannot be.
    """

    __slots__ = (
        "bound", "coroutine", "deadline", "fn", "inject_context", "max_cycles", "retry", "route", "signature",
        "task_id", "template", "timeout", "version",
    )  # fmt: skip

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
        deadline: float | None = None,
        max_cycles: int | None = None,
        version: str | None = None,
        route: Callable[[Any], Sequence[str] | None] | None = None,
        signature: Signature | None = None,
    ) -> None:
        if not callable(fn):
            raise DefinitionError(f"a task needs a function, not {fn!r}")
        flags = _flags(fn)
        if flags & _ASYNC_GENERATOR:
            raise DefinitionError(f"{getattr(fn, '__qualname__', fn)!r} yields", hint="Return a list instead")
        number = isinstance(max_cycles, int) and not isinstance(max_cycles, bool)
        if max_cycles is not None and not (number and max_cycles >= 1):
            raise DefinitionError(f"max_cycles is a number of iterations from 1, not {max_cycles!r}")
        name = task_id if task_id is not None else getattr(fn, "__name__", type(fn).__name__)
        self.fn = fn
        self.task_id = check_id(name)
        self.inject_context = inject_context
        self.retry = retry
        self.timeout = check_seconds("timeout", timeout, self.task_id)
        self.deadline = check_seconds("deadline", deadline, self.task_id)
        self.max_cycles = max_cycles
        self.coroutine = bool(flags & _COROUTINE)
        self.template = self.task_id
        self.route = route
        self.version = version
        self.bound = {}
        self.signature = signature or signature_of(fn, inject_context)

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
        if task_id is not None:
            check_id(task_id)
        name = task_id or self.task_id
        if not bound:
            return self.instance(name, self.bound)
        signature = self.signature
        unknown = [name for name in bound if name not in signature.names]
        if unknown and not signature.extra:
            raise DefinitionError(
                f"task {self.task_id!r} takes no argument {', '.join(unknown)}",
                hint=f"It takes: {', '.join(signature.names) or 'none'}",
            )
        return self.instance(name, {**self.bound, **bound})

    def map(
        self,
        items: Items,
        key: Callable[[Any], Any] | None = None,
        *,
        name: str | None = None,
        callback: Task[Any] | None = None,
    ) -> MapGroup:
        """Return a group with one member for each item; the item is the first parameter that nothing else gives.

        Members are recorded while the items are read, a window at a time, so that there may be more items
        than fit into memory.

        Args:
            items: an iterable, a function that returns one, or a task or group whose result is gone over
                (of a group: its members' values, under their names).
            key: names a member by its item, with a text or a number that no other item has; without it
                members are identified by position, and items that are read again must be the same.
            name: the group's id; the task's when left out.
            callback: a task that runs once after the verdict.

        Raises:
            DefinitionError: items that cannot be gone over.
        """
        return MapGroup(self, items, key, name, callback)

    def instance(self, task_id: str, bound: Mapping[str, Any]) -> Task[F]:
        """Return the same task with another id and other bound arguments, unchecked.

        Args:
            task_id: the other id.
            bound: the other arguments.
        """
        made: Task[F] = object.__new__(Task)
        made.fn = self.fn  # one by one, not in a loop over the slots: large workflows make many instances
        made.task_id = task_id
        made.inject_context = self.inject_context
        made.retry = self.retry
        made.timeout = self.timeout
        made.deadline = self.deadline
        made.max_cycles = self.max_cycles
        made.coroutine = self.coroutine
        made.template = self.template
        made.route = self.route
        made.version = self.version
        made.bound = bound
        made.signature = self.signature
        return made

    def home(self) -> ModuleType | None:
        """Return the module that has the task under its function's name; None when there is none."""
        home = sys.modules.get(getattr(self.fn, "__module__", None) or "")
        found: Any = home
        for part in getattr(self.fn, "__qualname__", "").split("."):
            found = getattr(found, part, None)
        return home if isinstance(found, Task) and found.fn is self.fn else None

    def __reduce__(self) -> tuple[Any, ...]:
        """A task that can be imported is pickled by its name, so that live code is used; else with its code."""
        home = self.home()
        if home is not None:
            return _named, (home, self.fn.__qualname__, self.task_id, dict(self.bound))
        settings = {name: getattr(self, name) for name in _SETTINGS}
        return _made, (self.fn, self.template, settings, self.task_id, dict(self.bound))

    def __repr__(self) -> str:
        return f"<Task {self.task_id}>"


_SETTINGS = ("inject_context", "retry", "timeout", "deadline", "max_cycles", "version", "route", "signature")
"""What is pickled with a task's code. The signature too: a function that refers to its own task is unpickled as an
empty shell first, of which nothing can be read."""


def _flags(fn: Any) -> int:
    """The flags of a function's code, also of one inside of partials or of an object that can be called."""
    while hasattr(fn, "func"):
        fn = fn.func
    code = getattr(fn, "__code__", None) or getattr(vars(type(fn)).get("__call__"), "__code__", None)
    return getattr(code, "co_flags", 0)


def _named(home: Any, qualname: str, task_id: str, bound: Mapping[str, Any]) -> Task[Any]:
    """Find a pickled task by name; its name and place are part of the format."""
    found = home
    for part in qualname.split("."):
        found = getattr(found, part)
    if not isinstance(found, Task):
        raise AttributeError(f"{qualname} is not a task any more")
    return found.instance(task_id, bound)


def _made(fn: Any, template: str, settings: Mapping[str, Any], task_id: str, bound: Mapping[str, Any]) -> Task[Any]:
    """Make a pickled task of its code; its name and place are part of the format."""
    return Task(fn, template, **settings).instance(task_id, bound)


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
    deadline: float | None = None,
    max_cycles: int | None = None,
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
    deadline: float | None = None,
    max_cycles: int | None = None,
    version: str | None = None,
) -> Any:
    """Make a function a task: ``@task``, ``@task("id")`` or ``@task(id=..., timeout=...)``.

    Args:
        fn: the function; or the id, when called with a text.
        id: the id; the function's name when left out.
        inject_context: the first parameter receives the context, whatever its annotation.
        retry: when a failed attempt is followed by another one.
        max_retries: short for ``retry=RetryPolicy(max_attempts=max_retries + 1)``.
        timeout: seconds that one attempt may take, counted while the run is driven.
        deadline: seconds from the task's first start, by the wall clock, for all its attempts and waits.
        max_cycles: how many iterations ``ctx.next_iteration`` may make of it.
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
            deadline=deadline,
            max_cycles=max_cycles,
            version=version,
        )
        block = open_block()
        if block is not None:
            block.define(new)
        return new

    return made(fn) if callable(fn) else made
