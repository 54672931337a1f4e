"""Inspection of a run without its code: source files are parsed, never imported."""

from __future__ import annotations

from functools import cache

from durable.core.divergence import Divergence
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
    for node in state.graph.task_nodes():
        spec = state.graph.task(node)
        if not spec.source or ":" in spec.fingerprint or _is_stored(state, node):
            continue  # a declared version, or code without a file or a name: only live code can tell
        now = now_in_file(spec.source)
        if now is None:
            gone.add(spec.id)
            found.reported.append(f"{spec.id}: its function was not found in {spec.source.rpartition(':')[0]}")
        elif now != spec.fingerprint:
            found.code_changed.append(spec.id)
            found.reported.append(f"{spec.id}: code changed")
    return found, gone


def _is_stored(state: RunState, node: int) -> bool:
    """Whether a scheduled task was recorded with its code, because it has no name to be found by."""
    fragment, recipe = state.graph.recipes.get(node, (None, None))
    return fragment is not None and recipe is not None and recipe.template in fragment.by_value


def errors_of(state: RunState, store: Store) -> dict[str, str]:
    """Return one line for each failed or timed-out task, by id."""
    return {
        state.graph.ids[node]: str(store.event(state.run_id, state.outcome[node]).fields.get("error", ""))
        for node in state.graph.task_nodes()
        if state.nodes[node] in (FAILED, TIMED_OUT) and state.outcome[node]
    }
