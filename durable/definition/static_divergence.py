"""Inspection of a run without its code: source files are parsed, never imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from durable.core.divergence import Divergence
from durable.core.specs import TaskSpec
from durable.core.state import RunState
from durable.core.transitions import FAILED, TIMED_OUT
from durable.definition.fingerprint import fingerprint_in_file
from durable.store import Store


def static_divergence(state: RunState) -> tuple[Divergence, set[str]]:
    """Compare the recorded functions with the source files as they are now.

    Returns:
        What changed, and the ids of the tasks whose function is not in its file any more.
    """
    now_in_file = cache(fingerprint_in_file)  # the members of a group share one function
    found, gone = Divergence([], [], [], [], []), set()
    for node, name, spec in _code_of(state):
        of = " of its members" if name != spec.id else ""
        if not spec.source or ":" in spec.fingerprint or _is_stored(state, node):
            continue  # a declared version, or code without a file or a name: only live code can tell
        now = now_in_file(spec.source)
        if now is None:
            gone.add(name)
            found.reported.append(f"{name}: the function{of} was not found in {spec.source.rpartition(':')[0]}")
        elif now != spec.fingerprint:
            found.code_changed.append(name)
            found.reported.append(f"{name}: code{of} changed")
    return found, gone


def _code_of(state: RunState) -> Iterator[tuple[int, str, TaskSpec]]:
    """Yield each task, and for each map the task that its members are instances of, with the name to report."""
    graph = state.graph
    for node in graph.task_nodes():
        yield node, graph.ids[node], graph.task(node)
    for node, expansion in graph.expansions.by_group.items():
        spec = graph.group(node).map
        if spec is not None:
            yield node, expansion.name, spec.task


def _is_stored(state: RunState, node: int) -> bool:
    """Whether a scheduled task was recorded with its code, because it has no name to be found by."""
    graph = state.graph
    fragment, recipe = graph.recipes.get(node) or graph.map_recipes.get(node) or (None, None)
    return fragment is not None and recipe is not None and recipe.template in fragment.by_value


class RecordedErrors(Mapping[str, str]):
    """One line for each failed or timed-out task, by id, read from the store when it is asked for.

    Args:
        state: the folded run.
        store: where its log is.
    """

    def __init__(self, state: RunState, store: Store) -> None:
        self._state = state
        self._store = store

    def __getitem__(self, name: str) -> str:
        state, node = self._state, self._state.index.get(name)
        if node is None or not self._has(node):
            raise KeyError(name)
        return str(self._store.event(state.run_id, state.outcome[node]).fields.get("error", ""))

    def __contains__(self, name: object) -> bool:
        node = self._state.index.get(name) if isinstance(name, str) else None
        return node is not None and self._has(node)

    def __iter__(self) -> Iterator[str]:
        return (self._state.graph.ids[node] for node in self._nodes())

    def __len__(self) -> int:
        return sum(1 for _ in self._nodes())

    def _nodes(self) -> Iterator[int]:
        return filter(self._has, self._state.having(FAILED, TIMED_OUT))

    def _has(self, node: int) -> bool:
        state = self._state
        failed = state.nodes[node] in (FAILED, TIMED_OUT) and state.outcome[node]
        return bool(failed) and not state.graph.is_group(node)
