"""RaceGroup: the first member that succeeds wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from durable.core.policies import FirstSuccessPolicy
from durable.definition.expressions import Linkable, ParallelGroup
from durable.errors import DefinitionError

if TYPE_CHECKING:
    from typing import Self

    from durable.definition.execution import Backend
    from durable.definition.task import Task


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
