"""ParallelGroup: tasks that run in parallel and are judged together by a policy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from durable.core.policies import FirstSuccessPolicy, GroupExecutionPolicy, make_policy
from durable.core.results import TaskResult
from durable.definition.open_block import open_block
from durable.definition.checks import check_id, check_seconds
from durable.definition.expressions import Chain, Linkable, nodes_of
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from typing import Self

    from durable.definition.expressions import Node
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


class ParallelGroup(Linkable):
    """A group of tasks, chains or groups; links like a task.

    Args:
        *tasks: the members, or one list of them.
        name: the group's id; made of the members' ids when left out.
        callback: a task that runs once after the verdict (a chord); what follows the group waits for it.

    Raises:
        DefinitionError: no members, or something that cannot be one.
    """

    __slots__ = (
        "backend",
        "callback",
        "chunk",
        "decide_early",
        "factory",
        "fail_fast",
        "limit",
        "members",
        "name",
        "plain",
        "policy",
        "rate",
        "route",
        "timeout",
    )

    def __init__(
        self, *tasks: Linkable | Iterable[Linkable], name: str | None = None, callback: Task[Any] | None = None
    ) -> None:
        items: list[Any] = []
        for item in tasks:
            items.extend([item] if isinstance(item, Linkable) or not isinstance(item, Iterable) else item)
        self.members: tuple[tuple[Node, ...], ...] = tuple(nodes_of(item) for item in items)
        self.name = check_id(name) if name is not None else None
        if callback is not None and len(nodes_of(callback)) > 1:
            raise DefinitionError(f"callback= is one task, not {callback!r}", hint="Chain the rest after the group")
        self.callback = callback
        self.backend = CoordinationBackend.THREADING
        self.factory: Callable[[], Executor] | None = None
        self.limit: int | None = None
        self.rate: float | None = None
        self.chunk = 1
        self.policy: GroupExecutionPolicy = make_policy(None)
        self.timeout: float | None = None
        self.fail_fast = False
        self.decide_early = False
        self.plain = False
        self.route: Callable[[Any], Any] | None = None
        block = open_block()
        if block is not None:
            block.add(self)

    def lines(self) -> list[tuple[Node, ...]]:
        """The members as lines of nodes; a nested group's callback stands after it."""
        return [
            line if len(line) == 1 and not isinstance(line[0], ParallelGroup) else tuple(_with_callbacks(line))
            for line in self.members
        ]

    @property
    def task_id(self) -> str:
        """The group's id: its name, or one made of its members' ids."""
        if self.name is not None:
            return self.name
        ids = [line[-1].task_id for line in self.members]
        if not ids:
            return "parallel()"
        if len(ids) == 1:
            return f"parallel({ids[0]})"[:500]  # not its member's id, which is taken
        whole = "|".join(ids)
        return whole if len(whole) <= 60 else f"{ids[0]}|…|{ids[-1]} ({len(ids)})"[:500]

    @property
    def id(self) -> str:
        """The same as ``task_id``."""
        return self.task_id

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

    def bodies(self) -> Iterable[Task[Any]]:
        """The tasks that run where the group says; a nested group says so itself."""
        return [node for line in self.members for node in line if not isinstance(node, ParallelGroup)]

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
                    hint="Hand the body what it needs as arguments and return what is to be kept, or run the task "
                    "in a group with CoordinationBackend.THREADING",
                )

    def settle(self) -> None:
        """Take note that the group was linked or configured, so that ``|`` does not grow it any more."""
        self.plain = False

    def run(self, **options: Any) -> dict[str, TaskResult]:
        """Run the group on its own and return each member's TaskResult by id.

        Args:
            **options: as for ``Workflow.start``: ``run_id``, ``store``, ``initial``.

        Raises:
            ParallelGroupError: the policy judged so.
        """
        from durable.runs.workflow import Workflow  # the one way up: what runs it is built on what it is

        workflow = Workflow(self.task_id)
        workflow.add(self)
        with workflow.start(**options) as run:
            run.result()
            found = dict(run.task_results(self.task_id))
            for result in found.values():
                result.load()  # the store may be closed after this
            return found

    def __repr__(self) -> str:
        return f"<ParallelGroup {self.task_id}>"


class RaceGroup(ParallelGroup):
    """A group whose first member to succeed wins: the others are cancelled, and its value is ``{winner: value}``.

    All members start at once, unless ``max_concurrent`` says less. If none succeeds, the group fails.

    Args:
        *tasks, name, callback: as for ``ParallelGroup``.
    """

    __slots__ = ()

    def __init__(
        self, *tasks: Linkable | Iterable[Linkable], name: str | None = None, callback: Task[Any] | None = None
    ) -> None:
        super().__init__(*tasks, name=name, callback=callback)
        self.policy = FirstSuccessPolicy()
        self.decide_early = True
        self.limit = len(self.members) or None

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
        """Say how the race runs; changes it and returns it. See ``ParallelGroup.with_execution``.

        Raises:
            DefinitionError: a value that cannot be, or another way to judge it: the first success decides.
        """
        ways = {"policy": policy, "handler": handler, "fail_fast": fail_fast, "decide_early": decide_early}
        given = [f"{name}=" for name, value in ways.items() if value is not None]
        if given:
            raise DefinitionError(
                f"the race {self.task_id!r} takes no {' or '.join(given)}: its first success decides",
                hint="For another rule use a ParallelGroup",
            )
        super().with_execution(
            backend,
            backend_config,
            max_concurrent=max_concurrent,
            timeout=timeout,
            rate_limit=rate_limit,
            chunk_size=chunk_size,
        )
        return self


def parallel(
    *tasks: Linkable | Iterable[Linkable], name: str | None = None, callback: Task[Any] | None = None
) -> ParallelGroup:
    """Return a group of the tasks. See ``ParallelGroup``."""
    return ParallelGroup(*tasks, name=name, callback=callback)


def _with_callbacks(line: tuple[Node, ...]) -> Iterator[Node]:
    for part in line:
        yield part
        if isinstance(part, ParallelGroup) and part.callback is not None:
            yield part.callback


def joined(left: Linkable, right: Linkable) -> ParallelGroup:
    """Return the group that ``left | right`` means: a group that ``|`` has just made grows."""
    members: list[Linkable] = []
    block = open_block()
    for side in (left, right):
        if isinstance(side, ParallelGroup) and side.plain and side.name is None:
            members.extend(Chain(line) if len(line) > 1 else line[0] for line in side.members)
            if block is not None:
                block.forget(side)
        else:
            members.append(side)
    made = ParallelGroup(*members)
    made.plain = True
    return made


def _backend(backend: Backend) -> tuple[CoordinationBackend, Callable[[], Executor] | None]:
    """The backend, and what makes its executor if that is not ours."""
    if callable(backend):
        return CoordinationBackend.PROCESS, backend
    if hasattr(backend, "submit"):
        raise DefinitionError(
            f"backend= takes what makes an executor, not the executor {backend!r} itself: one that breaks is made anew",
            hint="Write backend=lambda: ...",
        )
    try:
        return CoordinationBackend(backend.lower() if isinstance(backend, str) else backend), None
    except ValueError:
        known = ", ".join(member.name for member in CoordinationBackend)
        raise DefinitionError(
            f"there is no backend {backend!r}", hint=f"Backends: {known}; or a function that makes an executor"
        ) from None
