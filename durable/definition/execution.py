"""How a group runs and how it is judged: the settings of ``with_execution``, and where bodies may run.

It must not know how a group is linked, nor what runs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from durable.core.policies import GroupExecutionPolicy, make_policy
from durable.definition.checks import check_seconds
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from typing import Self

    from durable.definition.task import Task


class CoordinationBackend(Enum):
    """Where a group's members run.

    ``DIRECT``: one after another, on the driver. ``THREADING``: in worker threads. ``ASYNCIO``: all at
    once, unless ``max_concurrent`` says less. ``PROCESS``: in worker processes, as many as there are
    processors unless ``max_concurrent`` says otherwise. Coroutines always run on an event loop, other functions of
    an ``ASYNCIO`` group in threads.
    """

    DIRECT = "direct"
    THREADING = "threading"
    ASYNCIO = "asyncio"
    PROCESS = "process"


Backend: TypeAlias = "CoordinationBackend | str | Callable[[], Executor]"
"""Where a group's members run; a function makes the ``concurrent.futures.Executor`` that they run in."""

OWN_EXECUTOR = "executor"
"""The recorded backend of a group whose executor the caller makes."""


def default_workers() -> int:
    """How many members of a threading group run at once when nothing says so."""
    return min(32, (os.cpu_count() or 1) + 4)


def default_processes() -> int:
    """How many members of a process group run at once when nothing says so: the processors that we may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ExecutionSettings:
    """What ``with_execution`` says of a group.

    Attributes:
        backend: where members run; factory: makes the executor, if it is the caller's own.
        limit: members that run at once; rate: starts in a second; chunk: members that are handed over at once.
        policy: judges; fail_fast, decide_early: when it may do so before the last result.
        timeout: seconds from the group's start until its unfinished members are timed out.
    """

    __slots__ = (
        "backend", "chunk", "decide_early", "factory", "fail_fast", "limit", "policy", "rate", "timeout",
    )  # fmt: skip

    def __init__(self) -> None:
        self.backend = CoordinationBackend.THREADING
        self.factory: Callable[[], Executor] | None = None
        self.limit: int | None = None
        self.rate: float | None = None
        self.chunk = 1
        self.policy: GroupExecutionPolicy = make_policy(None)
        self.timeout: float | None = None
        self.fail_fast = False
        self.decide_early = False

    @property
    def task_id(self) -> str:
        """The group's id."""
        raise NotImplementedError

    def bodies(self) -> Iterable[Task[Any]]:
        """The tasks that run where the group says."""
        raise NotImplementedError

    def settle(self) -> None:
        """Take note that the group was linked or configured."""
        raise NotImplementedError

    @property
    def backend_name(self) -> str:
        """What the log records of where members run; not what makes an executor, which is live code."""
        return OWN_EXECUTOR if self.factory is not None else CoordinationBackend(self.backend).value

    def with_execution(
        self,
        backend: Backend | None = None,
        backend_config: Mapping[str, Any] | None = None,
        policy: Any = None,
        handler: Any = None,
        max_concurrent: int | None = None,
        timeout: float | None = None,
        fail_fast: bool | None = None,
        decide_early: bool | None = None,
        rate_limit: float | None = None,
        chunk_size: int | None = None,
    ) -> Self:
        """Say how the group runs and how it is judged; changes the group and returns it.

        Args:
            backend: where members run; or a function that makes the ``concurrent.futures.Executor`` that they run in.
            backend_config: ``{"max_workers": n}``, another way to say ``max_concurrent``.
            policy: a policy, its name, or a description with ``type``.
            handler: another name for ``policy``.
            max_concurrent: how many members run at once.
            timeout: seconds from the group's start until its unfinished members are timed out.
            fail_fast: judge as soon as failure is certain; what still runs is cancelled.
            decide_early: judge as soon as either outcome is certain.
            rate_limit: how many attempts may start in a second.
            chunk_size: how many members are handed over to the backend at once, for very short bodies; each is
                still recorded by itself, but those behind the first count as started while they wait for it.

        Raises:
            DefinitionError: a value that cannot be, or a member that cannot run there.
        """
        if policy is not None and handler is not None:
            raise DefinitionError("policy= and handler= are two names for one thing: give one of them")
        if backend is not None:
            self.backend, self.factory = _backend(backend)
            self.check_bodies()
        config = dict(backend_config or {})
        workers = max_concurrent if max_concurrent is not None else config.pop("max_workers", None)
        config.pop("max_workers", None)
        if config:
            raise DefinitionError(f"backend_config takes 'max_workers', not {', '.join(map(repr, config))}")
        if workers is not None:
            if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
                raise DefinitionError(f"max_concurrent is a number of members from 1, not {workers!r}")
            self.limit = workers
        if policy is not None or handler is not None:
            self.policy = make_policy(policy if policy is not None else handler)
        if timeout is not None:
            self.timeout = check_seconds("timeout", timeout, self.task_id)
        if rate_limit is not None:
            if isinstance(rate_limit, bool) or not isinstance(rate_limit, (int, float)) or not 0 < rate_limit < 1e6:
                raise DefinitionError(f"rate_limit is a positive number of starts in a second, not {rate_limit!r}")
            self.rate = float(rate_limit)
        if chunk_size is not None:
            if isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1:
                raise DefinitionError(f"chunk_size is a number of members from 1, not {chunk_size!r}")
            self.chunk = chunk_size
        self.fail_fast = self.fail_fast if fail_fast is None else fail_fast
        self.decide_early = self.decide_early if decide_early is None else decide_early
        self.settle()
        return self

    def check_bodies(self) -> None:
        """Refuse a member whose body runs in another process and asks for the context. Raises ``DefinitionError``."""
        if self.backend is not CoordinationBackend.PROCESS:
            return
        for node in self.bodies():
            if node.signature.context is not None and not node.coroutine:
                raise DefinitionError(
                    f"task {node.task_id!r} asks for the context ({node.signature.context!r}), and the bodies of the "
                    f"group {self.task_id!r} run in other processes, where there is none",
                    task_id=node.task_id,
                    hint="Pass the body what it needs as arguments and return what is to be kept, or run the task "
                    "in a group with CoordinationBackend.THREADING",
                )


def _backend(backend: Backend) -> tuple[CoordinationBackend, Callable[[], Executor] | None]:
    """The backend, and what makes its executor if that is not ours."""
    if callable(backend):
        return CoordinationBackend.PROCESS, backend
    if hasattr(backend, "submit"):
        raise DefinitionError(
            f"backend= takes what makes an executor, not the executor {backend!r} itself: a broken one is replaced",
            hint="Write backend=lambda: ...",
        )
    try:
        return CoordinationBackend(backend.lower() if isinstance(backend, str) else backend), None
    except ValueError:
        known = ", ".join(member.name for member in CoordinationBackend)
        raise DefinitionError(
            f"there is no backend {backend!r}", hint=f"Backends: {known}; or a function that makes an executor"
        ) from None
