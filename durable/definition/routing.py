"""Routes: which edges of a class definition are taken after a step, and the code that a step's task runs.

A route is called once the body has returned, or with a group's verdict; what it chooses is recorded with the
success. It must not know the engine: it is handed a context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from durable.core.transitions import SKIPPED, SUCCEEDED
from durable.definition.expressions import Linkable
from durable.errors import DefinitionError, DurableError, NoEdgeTaken, ParallelGroupError

if TYPE_CHECKING:
    from durable.core.graph import Graph
    from durable.core.state import RunState
    from durable.definition.blueprint import Blueprint

Condition = Callable[[Any], Any]


class Way(msgspec.Struct, frozen=True):
    """An edge as its source sees it.

    Attributes:
        target: the step that it leads to; label: how people see it.
        condition: called with the context; None for an edge that is always taken.
        back: what begins another round, for an edge that goes back.
    """

    target: str
    label: str
    condition: Condition | None = None
    back: Round | None = None


class Round(Linkable):
    """Another round of a loop: fresh copies of a step and of all that follows it, to be scheduled.

    Args:
        blueprint: its tasks, groups and edges.
        entries: edges from outside into it, as ``(id of the source, target)``; a round begins only if none of
            them is taken any more, because what they lead to would run once for them and once for the round.
    """

    __slots__ = ("blueprint", "entries")

    def __init__(self, blueprint: Blueprint, entries: Sequence[tuple[str, str]]) -> None:
        self.blueprint = blueprint
        self.entries = entries


class Code:
    """The function of a task of a class definition; the live definition is where it is found again.

    Args:
        function: what it calls.
        workflow: the definition; step: the task in it.
    """

    def __init__(self, function: Callable[..., Any], workflow: str, step: str) -> None:
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", step)
        self.__qualname__ = getattr(function, "__qualname__", step)
        self.__module__ = getattr(function, "__module__", None) or ""
        self._named = (workflow, step)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self.__wrapped__(*args, **named)

    def __reduce__(self) -> tuple[Any, ...]:
        return _gone, self._named


class Route:
    """Chooses what follows a step.

    Args:
        workflow: the definition; step: the step in it.
        ways: its edges, in order.
        terminal: whether the run may end after the step.
    """

    def __init__(self, workflow: str, step: str, ways: Sequence[Way], terminal: bool) -> None:
        self._named = (workflow, step)
        self.step = step
        self.ways = ways
        self.terminal = terminal

    def __reduce__(self) -> tuple[Any, ...]:
        return _gone, self._named

    def __call__(self, context: Any) -> list[str] | None:
        """Return the ids of the successors to take; None when the body itself said what follows.

        Raises:
            NoEdgeTaken: no condition holds and the step is no terminal one.
            DefinitionError: a round begins while other branches still lead into it.
            Exception: whatever a condition raises.
        """
        if context.has_chosen:
            return None
        return self.choose(context, context.node_id, context.next_task)

    def choose(self, context: Any, node_id: str, schedule: Callable[[Round], Any]) -> list[str]:
        """Evaluate the conditions; schedule another round if an edge goes back."""
        taken = [way for way in self.ways if way.condition is None or _holds(way.condition, way, context)]
        if not taken and not self.terminal:
            self._refuse(context.run_id, node_id)
        state: RunState = context.view.state
        node = state.index[node_id]
        back = [way for way in taken if way.back is not None]
        if len(back) > 1:
            raise DefinitionError(
                f"the step {self.step!r} goes back in two ways at once: {', '.join(way.label for way in back)}",
                hint="Let their conditions exclude each other",
            )
        for way in back:
            assert way.back is not None
            _check_entries(state, node, way, way.back)
            schedule(way.back)
        wanted = {way.target for way in taken if way.back is None}
        return [state.graph.ids[after] for after in state.graph.after[node] if _step(state.graph, after) in wanted]

    def _refuse(self, run_id: str, node_id: str) -> NoReturn:
        raise NoEdgeTaken(
            f"the step {self.step!r} took none of its edges: {', '.join(way.label for way in self.ways)}",
            run_id=run_id,
            task_id=node_id,
            hint="Add an edge for this case, or name it among the terminal_steps",
        )


class GroupRoute(Route):
    """Chooses what follows a group; called with its verdict, so that what is raised becomes the verdict."""

    def __call__(self, context: Any) -> list[str] | None:
        """See ``Route``. Raises ``ParallelGroupError``."""
        try:
            return self.choose(context, context.group_id, context.scheduling.add)
        except Exception as error:
            said = error.message if isinstance(error, DurableError) else f"{type(error).__name__}: {error}"
            notes: Mapping[str, Any] = getattr(error, "__dict__", {})
            said = "; ".join([said, *notes.get("__notes__", ())])
            raise ParallelGroupError(said, group_id=context.group_id) from error


def _holds(condition: Condition, way: Way, context: Any) -> bool:
    try:
        return bool(condition(context))
    except Exception as error:
        error.add_note(f"raised by the condition of the edge {way.label}")
        raise


def _check_entries(state: RunState, node: int, way: Way, back: Round) -> None:
    """Refuse a round that something outside of it leads into as well. Raises ``DefinitionError``."""
    for source, target in back.entries:
        at = _in_scope(state.graph, node, source)
        chosen = state.taken.get(at) if state.nodes[at] == SUCCEEDED else None
        elsewhere = chosen is not None and all(_step(state.graph, one) != target for one in chosen)
        if elsewhere or state.nodes[at] == SKIPPED:
            continue
        raise DefinitionError(
            f"{way.label} goes back while {source!r} leads to {target!r} too, which would run twice",
            run_id=state.run_id,
            task_id=state.graph.ids[node],
            hint="Let the loop end in a step of its own, and join the branches after it",
        )


def _in_scope(graph: Graph, node: int, name: str) -> int:
    """The node that a name of the definition means here: of the same round, else of the one around it."""
    while node in graph.scheduler:
        scheduler = graph.scheduler[node]
        for one in graph.scheduled[scheduler]:
            if _step(graph, one) == name:
                return one
        node = scheduler
    return graph.index[name]


def _step(graph: Graph, node: int) -> str:
    """What a node is called in the definition."""
    return graph.recipes[node][1].template if node in graph.recipes else graph.name(node)


def _gone(workflow: str, step: str) -> NoReturn:
    """Stand for code that only the live definition has; its name and place are part of the format."""
    raise DefinitionError(
        f"the step {step!r} is not in the workflow {workflow!r} any more", hint="Restore it, or start another run"
    )
