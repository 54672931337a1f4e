"""Plan: what a resume would do with each task, and why. A dry run over the folded state."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from durable.core.divergence import Divergence
from durable.core.durable_calls import FEEDBACK, LOOP, SIGNAL, STEP, find, walk
from durable.core.plan_maps import MapPlan, plan_of_map
from durable.core.state import RunState
from durable.core.transitions import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    PENDING,
    RUNNING,
    SKIPPED,
    STATUSES,
    SUCCEEDED,
    SUSPENDED,
    TIMED_OUT,
    WAITING,
)

_BAD = frozenset({FAILED, TIMED_OUT, CANCELLED})
_OVER = ("succeeded", "cancelled")


class PlanItem(msgspec.Struct, frozen=True):
    """What a resume would do with one task or group.

    Attributes:
        id: the task or group.
        action: ``reuse`` (its record stands), ``run`` (its body starts), ``blocked`` (starts once what
            it waits for has succeeded), ``orphaned`` (recorded, but not in the workflow any more);
            for groups ``reuse``, ``judge`` or ``blocked``.
        why: the reason, for people.
        seconds: compute time that its record saves; 0 unless reused. Of a map, what its reused members save.
        group: whether it is a group.
        members: of a map, how many of its members have each action.
        member: whether it is a member of a map; only those that failed or did not finish are listed, the first few.
    """

    id: str
    action: str
    why: str
    seconds: float = 0.0
    group: bool = False
    members: dict[str, int] = {}
    member: bool = False


class Plan(msgspec.Struct, frozen=True):
    """What a resume would do.

    Attributes:
        run_id, workflow, status: the run.
        items: tasks and groups in definition order.
        divergence: differences before the frontier; a resume refuses them unless they are accepted.
        reported: other differences, which a resume follows.
        driven: somebody drives the run now, so that a resume would be refused.
        waits: the run is suspended, and nothing that it waits for has come.
    """

    run_id: str
    workflow: str
    status: str
    items: list[PlanItem]
    divergence: list[str] = []
    reported: list[str] = []
    driven: bool = False
    waits: bool = False

    def count(self, action: str) -> int:
        """How many tasks have this action, all members of maps among them.

        Args:
            action: one that items have: reuse, run, blocked or orphaned.
        """
        tasks = sum(item.action == action and not item.group and not item.member for item in self.items)
        return tasks + sum(item.members.get(action, 0) for item in self.items)

    @property
    def seconds_saved(self) -> float:
        """Compute time, in seconds, that the reused tasks do not cost again."""
        return sum(item.seconds for item in self.items if not item.member)

    @property
    def resumes(self) -> bool:
        """Whether a resume would continue the run."""
        return self.status not in _OVER and not self.divergence and not self.driven and not self.waits


def make_plan(
    state: RunState,
    status: str,
    divergence: Divergence,
    *,
    gone: Collection[str] = (),
    driven: bool = False,
    errors: Mapping[str, str] | None = None,
    sent: Collection[tuple[str, str]] = (),
    now: int = 0,
) -> Plan:
    """Return what a resume would do.

    Args:
        state: the folded run.
        status: its status for people.
        divergence: how the code differs from what was recorded.
        gone: tasks whose code cannot be found any more.
        driven: whether somebody drives the run now.
        errors: one line for each failed task.
        sent: messages that nobody has taken yet, as kind and name.
        now: microseconds since 1970.
    """
    changed, errors = set(divergence.code_changed), errors or {}
    woken = {node for node in state.marks if node in state.woken or _comes(state, node, sent, now)}
    removed = {*gone, *divergence.removed}
    reopened = status == "failed"
    items: list[PlanItem] = []
    for node in state.graph.topological():
        if node in state.graph.expansions.by_group:
            found = plan_of_map(state, node, driven=driven, reopened=reopened, woken=woken)
            items.append(_map(state, node, found))
            members = (_task(state, one, changed, removed, errors, driven, reopened, woken) for one in found.listed)
            items += [msgspec.structs.replace(item, member=True) for item in members]
        elif state.graph.is_group(node):
            items.append(_group(state, node))
        else:
            items.append(_task(state, node, changed, removed, errors, driven, reopened, woken))
    items += [
        PlanItem(name, "orphaned", f"{STATUSES[before]} under an earlier definition")
        for name, (before, _) in state.orphans.items()
    ]
    items += [PlanItem(name, "blocked", "new") for name in divergence.added]
    workflow = state.graph.definition.workflow
    waits = status == "suspended" and not woken
    return Plan(state.run_id, workflow, status, items, divergence.before, divergence.reported, driven, waits)


def _task(
    state: RunState,
    node: int,
    changed: Collection[str],
    gone: Collection[str],
    errors: Mapping[str, str],
    driven: bool,
    reopened: bool,
    woken: Collection[int],
) -> PlanItem:
    name, status = state.graph.ids[node], state.nodes[node]
    code = _code(state, node, changed, gone)
    if status == SUCCEEDED:
        return PlanItem(name, "reuse", f"succeeded{code}", state.seconds(node))
    if name in gone:
        return PlanItem(name, "orphaned", f"{STATUSES[status]}; it is not there any more")
    if status in _BAD:
        return _bad_task(state, node, f": {errors[name]}" if name in errors else "", code, reopened)
    if status == SKIPPED:
        again = reopened and not state.settled(node) and state.in_failed_group(node)
        return PlanItem(name, "run" if again else "reuse", f"skipped{code if again else ''}")
    number = state.attempts[node]
    if status == RUNNING:
        return PlanItem(
            name, "run", f"{'running now' if driven else 'interrupted'} in attempt {number}{_kept(state, node)}{code}"
        )
    if status == INTERRUPTED:
        return PlanItem(name, "run", f"interrupted in attempt {number}{_kept(state, node)}{code}")
    if status == WAITING:
        return PlanItem(name, "run", f"waiting for attempt {number + 1}{_kept(state, node)}{code}")
    if status == SUSPENDED:
        waits = [find(state.marks.get(node), mark) for mark in state.open_waits(node)]
        said = ", ".join(" ".join((mark.kind, mark.name)).strip() for mark in waits if mark is not None)
        if node in woken:
            return PlanItem(name, "run", f"suspended, and what it waited for is there{code}")
        return PlanItem(name, "blocked", f"suspended; waits for: {said}")
    if node in state.iterations:
        return PlanItem(name, "run", f"continues with iteration {state.iteration(node)}{code}")
    missing = _missing(state, node)
    if missing:
        return PlanItem(name, "blocked", f"follows {', '.join(missing[:4])}{' …' if len(missing) > 4 else ''}")
    return PlanItem(name, "run", f"not started{code}")


def _code(state: RunState, node: int, changed: Collection[str], gone: Collection[str]) -> str:
    """What is to be said of a task's code; of a member's, that of its map."""
    expansion = state.graph.expansion_of(node)
    name = state.graph.ids[node] if expansion is None else expansion.name
    return " (its code was not found)" if name in gone else " (code changed since)" if name in changed else ""


def _comes(state: RunState, node: int, sent: Collection[tuple[str, str]], now: int) -> bool:
    """Whether something that the task waits for was sent, or is due."""
    kinds = {SIGNAL: "signal", FEEDBACK: "answer"}
    waits = [mark for _, mark in walk(state.marks[node]) if mark.waits]
    return any((kinds.get(mark.kind), mark.name) in sent or 0 < mark.due <= now for mark in waits)


def _kept(state: RunState, node: int) -> str:
    """What the next attempt finds of the work of those before it."""
    marks = dict(walk(state.marks.get(node, {})))
    steps = sum(mark.kind == STEP for mark in marks.values())
    places = [mark.position for path, mark in marks.items() if mark.kind == LOOP and "/" not in path and mark.position]
    said = [f"continues after item {places[-1]:,} of its loop"] if places else []
    said += [f"{steps:,} of its steps recorded"] if steps else []
    said += ["its state saved"] if node in state.saved else []
    return f"; {', '.join(said)}" if said else ""


def _bad_task(state: RunState, node: int, said: str, code: str, reopened: bool) -> PlanItem:
    """A task that ended without success: only a failed run's resume runs it again, and only if nothing settled it."""
    name, status = state.graph.ids[node], STATUSES[state.nodes[node]]
    if state.settled(node):
        return PlanItem(name, "reuse", f"{status}, and settled by a verdict", state.seconds(node))
    if reopened:
        return PlanItem(name, "run", f"{status}{said}{code}")
    return PlanItem(name, "reuse", f"{status}{said}; recorded, and judged with the others", state.seconds(node))


def _group(state: RunState, node: int) -> PlanItem:
    name, status = state.graph.ids[node], state.nodes[node]
    if status in (SUCCEEDED, SKIPPED) or (status in _BAD and state.settled(node)):
        return PlanItem(name, "reuse", f"{STATUSES[status]}: the verdict stands", group=True)
    if status in _BAD:
        return PlanItem(name, "judge", f"{STATUSES[status]}: re-evaluated once its members are settled", group=True)
    if status == RUNNING:
        is_map = node in state.graph.expansions.by_group  # which are counted
        missing = [line for line in state.graph.members[node] if not _member_settled(state, line)] if not is_map else []
        why = (
            f"{len(missing)} of its members are missing"
            if missing
            else "all members are recorded: judged without running any"
        )
        return PlanItem(name, "judge", why, group=True)
    missing_before = _missing(state, node)
    if missing_before:
        return PlanItem(name, "blocked", f"follows {', '.join(missing_before[:4])}", group=True)
    return PlanItem(name, "judge", "not started", group=True)


def _map(state: RunState, node: int, found: MapPlan) -> PlanItem:
    status = state.nodes[node]
    made = msgspec.structs.replace(_group(state, node), seconds=found.seconds, members=found.actions)
    if status == RUNNING and found.settled:
        return msgspec.structs.replace(made, why=f"{made.why} ({found.why})" if found.why else made.why)
    if status == RUNNING:
        return msgspec.structs.replace(made, why=found.why)
    if not found.why or (status == PENDING and not state.graph.expansions.by_group[node].count):
        return made
    return msgspec.structs.replace(made, why=f"{made.why}; {found.why}")


def _member_settled(state: RunState, line: list[int]) -> bool:
    return any(state.nodes[node] in _BAD for node in line) or state.nodes[line[-1]] in (SUCCEEDED, SKIPPED)


def _missing(state: RunState, node: int) -> list[str]:
    """What a node that has not started waits for."""
    ids, nodes = state.graph.ids, state.nodes
    missing = [ids[before] for before in state.graph.before[node] if nodes[before] not in (SUCCEEDED, SKIPPED)]
    group = state.graph.parent[node]
    if group >= 0 and nodes[group] == PENDING and _missing(state, group):
        missing.append(ids[group])
    return missing
