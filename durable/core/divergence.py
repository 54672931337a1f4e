"""Divergence: what differs between the definition that a run recorded and the one that code gives now.

Differences before the frontier (in what has started) would make recorded results mean something
else: they stop a resume. All others are reported and followed.
"""

from __future__ import annotations

import msgspec

from durable.core.graph import Graph
from durable.core.specs import Definition, GroupSpec, MapSpec, TaskSpec
from durable.core.state import RunState
from durable.core.transitions import PENDING, SKIPPED, SUCCEEDED


class Divergence(msgspec.Struct, frozen=True):
    """What a comparison found, one line each.

    Attributes:
        before: differences before the frontier; they need to be accepted.
        reported: differences that a resume follows: changed code, new tasks, settings.
        code_changed: ids of the tasks whose code differs.
        added, removed: ids of the tasks that only the code, or only the record, has.
    """

    before: list[str] = []
    reported: list[str] = []
    code_changed: list[str] = []
    added: list[str] = []
    removed: list[str] = []

    @property
    def any(self) -> bool:
        """Whether the definitions differ at all."""
        return bool(self.before or self.reported)


def compare(state: RunState, live: Definition) -> Divergence:
    """Compare a run with the definition that code gives now.

    Args:
        state: the folded run.
        live: the definition now.
    """
    old = state.graph
    if old.definition == live:
        return Divergence()
    new = Graph(live)
    found = Divergence([], [], [], [], [])
    for was, name in ((node, old.ids[node]) for node in range(old.static)):
        begun = state.nodes[was] not in (PENDING, SKIPPED) or was in state.iterations
        now = new.index.get(name)
        if now is None:
            if not old.is_group(was):
                found.removed.append(name)
            _missing(name, begun, found)
            continue
        if old.is_group(was) != new.is_group(now):
            found.before.append(f"{name}: was a {_kind(old, was)} and is a {_kind(new, now)} now")
            continue
        _wiring(old, new, was, now, begun, found)
        if old.is_group(was):
            _group(old.group(was), new.group(now), begun, found)
            _map(name, old.group(was).map, new.group(now).map, begun, _some_succeeded(state, was), found)
        else:
            _task(old.task(was), new.task(now), state.nodes[was] == SUCCEEDED, found)
    found.reported.extend(f"{name}: new" for name in new.index if name not in old.index)
    found.added.extend(spec.id for spec in live.tasks if spec.id not in old.index)
    if old.definition.version != live.version:
        found.reported.append(f"workflow version: {old.definition.version} -> {live.version}")
    if not found.any:
        found.reported.append("order of tasks")
    return found


def _some_succeeded(state: RunState, group: int) -> bool:
    """Whether a member of a map has succeeded."""
    expansion = state.graph.expansions.by_group.get(group)
    batches = expansion.batches if expansion is not None else ()
    return any(state.nodes.find(SUCCEEDED, batch.begin, batch.begin + batch.count) >= 0 for batch in batches)


def _missing(name: str, begun: bool, found: Divergence) -> None:
    if begun:
        found.before.append(f"{name}: has run and is not in the workflow any more (renamed or removed?)")
    else:
        found.reported.append(f"{name}: removed before it started")


def _kind(graph: Graph, node: int) -> str:
    return "group" if graph.is_group(node) else "task"


def _neighbours(graph: Graph, node: int) -> tuple[frozenset[str], str]:
    parent = graph.parent[node]
    name = graph.ids[node]
    before = frozenset(graph.ids[n] for n in graph.before[node] if (graph.ids[n], name) not in graph.jumps)
    return before, graph.ids[parent] if parent >= 0 else ""


def _wiring(old: Graph, new: Graph, was: int, now: int, begun: bool, found: Divergence) -> None:
    (needed, group), (needs, in_group) = _neighbours(old, was), _neighbours(new, now)
    if (needed, group) == (needs, in_group):
        return
    parts = []
    if needed != needs:
        parts.append(f"followed {_list(needed)}, follows {_list(needs)} now")
    if group != in_group:
        parts.append(f"was in group {group or 'none'}, is in {in_group or 'none'} now")
    line = f"{old.ids[was]}: {'; '.join(parts)}"
    (found.before if begun else found.reported).append(line)


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _group(was: GroupSpec, now: GroupSpec, begun: bool, found: Divergence) -> None:
    if was.members != now.members:
        gone = sorted({line[-1] for line in was.members} - {line[-1] for line in now.members})
        added = sorted({line[-1] for line in now.members} - {line[-1] for line in was.members})
        line = f"{was.id}: members changed (without {', '.join(gone) or 'none'}; with {', '.join(added) or 'none'} new)"
        (found.before if begun else found.reported).append(line)
    for setting in ("policy", "backend", "limit", "timeout", "fail_fast", "decide_early", "rate", "chunk"):
        before, after = getattr(was, setting), getattr(now, setting)
        if before != after:
            found.reported.append(f"{was.id}: {setting} {before} -> {after}")


def _map(name: str, was: MapSpec | None, now: MapSpec | None, begun: bool, reused: bool, found: Divergence) -> None:
    """Compare how a map's members are made: once it has begun, the items that it goes over must mean the same."""
    if was is None or now is None:
        if was is not now:
            kinds = ("a map", "a group of given members")
            old, new = kinds if now is None else kinds[::-1]
            (found.before if begun else found.reported).append(f"{name}: was {old} and is {new} now")
        return
    lines = []
    if was.source != now.source:
        old, new = (f"the result of {one}" if one else "items of its own" for one in (was.source, now.source))
        lines.append(f"{name}: mapped over {old}, maps over {new} now")
    if was.keyed != now.keyed:
        old, new = ("keys" if one else "positions" for one in (was.keyed, now.keyed))
        lines.append(f"{name}: its members were identified by {old}, and are by {new} now")
    if was.parameter != now.parameter:
        lines.append(f"{name}: its items were bound to {was.parameter!r}, and are to {now.parameter!r} now")
    (found.before if begun else found.reported).extend(lines)
    _task(was.task, now.task, reused, found, name)


def _task(was: TaskSpec, now: TaskSpec, reused: bool, found: Divergence, members_of: str = "") -> None:
    """Compare a task, or what the members of a map are instances of."""
    name, of = members_of or was.id, " of its members" if members_of else ""
    if was.fingerprint != now.fingerprint:
        found.code_changed.append(name)
        found.reported.append(f"{name}: code{of} changed")
    if was.args != now.args and was.args and now.args:
        line = f"{name}: bound arguments{of} changed"
        if reused:
            found.before.append(f"{line} after {'some' if members_of else 'it'} succeeded with the old ones")
        else:
            found.reported.append(line)
    for setting in ("timeout", "max_attempts", "deadline", "max_cycles", "coroutine"):
        before, after = getattr(was, setting), getattr(now, setting)
        if before != after:
            found.reported.append(f"{name}: {setting}{of} {before} -> {after}")
