"""Starter: begins attempts: records that they start, and makes the call that an executor gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable.core.expansion import Expansion
from durable.core.task_events import task_started
from durable.definition.compile import Compiled
from durable.definition.task import Task
from durable.engine.arguments import Member
from durable.engine.attempt import Attempt
from durable.engine.durable_calls import DurableCalls
from durable.engine.journal import Journal
from durable.engine.running_attempts import RunningAttempts

_STARTED = task_started()


class Starter:
    """Begins the attempts of one drive.

    Args:
        journal: where events go.
        running: what runs now; a new attempt is noted in it.
        code: the live tasks.
        durable_calls: takes what bodies want to have recorded.
        item_of: gives the item of a map's member.
    """

    def __init__(
        self,
        journal: Journal,
        running: RunningAttempts,
        code: Compiled,
        durable_calls: DurableCalls,
        item_of: Callable[[int], Any],
    ) -> None:
        self._journal = journal
        self._attempts = running.attempts
        self._code = code
        self._durable_calls = durable_calls
        self._item_of = item_of

    def begin(self, node: int, moment: int) -> Attempt:
        """Record that a task's next attempt starts, and return it; it runs once that is committed.

        Args:
            node: the task.
            moment: microseconds since 1970.
        """
        code, journal = self._code, self._journal
        state = journal.state
        graph, number = state.graph, state.attempts[node] + 1
        task_id = graph.ids[node]
        journal.emit(_STARTED, task_id, number, moment)
        if graph.expansions.by_group:
            expansion = graph.expansion_of(node)
            if expansion is not None:
                return self._begin_member(node, number, task_id, expansion)
        task = code.tasks.get(task_id) or self._scheduled(node, task_id)
        if graph.jumps and node < graph.static:
            code.rewire(graph, node)
        attempt = self._attempts[node] = Attempt(node, number, task, code, journal.view, self._durable_calls)
        return attempt

    def _begin_member(self, node: int, number: int, task_id: str, expansion: Expansion) -> Attempt:
        """The attempt of a member of a map, whose task is made for it."""
        mapped = self._code.mapped_task(self._journal.state.graph, expansion.group)
        task = mapped.task.instance(task_id, mapped.task.bound)
        member = Member(expansion.name, mapped.parameter, self._item_of)
        attempt = Attempt(node, number, task, self._code, self._journal.view, self._durable_calls, member)
        self._attempts[node] = attempt
        return attempt

    def _scheduled(self, node: int, task_id: str) -> Task[Any]:
        """The live task of a node that was scheduled."""
        self._code.adopt(self._journal.state.graph, node)
        return self._code.tasks[task_id]
