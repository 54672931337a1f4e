"""RemoteGroups: which groups' bodies run in other processes, and the executors that take them there.

It must not know what these executors are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from durable.core.state import RunState
from durable.definition.compile import Compiled
from durable.definition.execution import OWN_EXECUTOR, CoordinationBackend
from durable.errors import DefinitionError
from durable.executor import Executor

Factory: TypeAlias = Callable[[], Any]
"""Makes a ``concurrent.futures.Executor``."""

_PROCESS = CoordinationBackend.PROCESS.value


class RemoteGroups:
    """The executors of one drive for bodies in other processes, made when the first body needs them.

    Args:
        state: the folded state.
        code: the live workflow, which has the groups' factories.
        make: makes an executor for what a factory makes; for None, one of our own processes.
    """

    def __init__(self, state: RunState, code: Compiled, make: Callable[[Factory | None], Executor]) -> None:
        self._state = state
        self._code = code
        self._make = make
        self._of_groups: dict[int, Executor | None] = {}
        self._made: dict[int, tuple[Factory | None, Executor]] = {}
        """By the factory's identity; held, so that no other one gets the same."""

    def executor_of(self, group: int) -> Executor | None:
        """The executor that runs a group's bodies; None when they run in this process, as outside of groups."""
        try:
            return self._of_groups[group]
        except KeyError:
            found = self._of_groups[group] = self._find(group) if group >= 0 else None
            return found

    def close(self) -> None:
        """Let the executors go."""
        for _, executor in self._made.values():
            executor.close()

    def _find(self, group: int) -> Executor | None:
        graph = self._state.graph
        backend = graph.group(group).backend
        if backend not in (_PROCESS, OWN_EXECUTOR):
            return None
        factory = None if backend == _PROCESS else self._factory(graph.ids[group])
        if id(factory) not in self._made:
            self._made[id(factory)] = factory, self._make(factory)
        return self._made[id(factory)][1]

    def _factory(self, name: str) -> Factory:
        live = self._code.groups.get(name)
        if live is not None and live.factory is not None:
            return live.factory
        error = DefinitionError(
            f"the group {name!r} ran in an executor of its own, and the live code does not say how that is made",
            run_id=self._state.run_id,
            task_id=name,
            hint="Give the group its backend= again, or another one",
        )

        def missing() -> Any:
            raise error

        return missing
