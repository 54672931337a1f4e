"""What failed in a run, and why, as it is recorded: read without any user code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from durable.cli.render import coloured, printable
from durable.core.state import RunState
from durable.core.transitions import STATUSES
from durable.store import Store

SHOWN = 20
"""Failures, and members of a group, that are named in a text."""

MOST = 1000
"""Failures that a JSON document names."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task or group that failed and that no verdict settled.

    Attributes:
        id, status: of the task or group; ``kind``: which of them it is.
        error: type and message, or the policy's message.
        seq: the event that records it.
        attempts: of a task.
        failed_tasks, successful_tasks: of a group, as its policy named them.
        short: how its group names it.
        lost: of a map, how many of its members failed; it names only the first thousand, and may name others too.
    """

    id: str
    kind: str
    status: str
    error: str
    seq: int
    attempts: int = 0
    failed_tasks: list[tuple[str, str]] = []
    successful_tasks: list[str] = []
    short: str = ""
    lost: int = 0


def failures_of(state: RunState, store: Store, limit: int | None = SHOWN) -> list[Failure]:
    """Return what failed, groups first, then the order in which it happened.

    Args:
        state: the folded run.
        store: where its log is.
        limit: at most so many.
    """
    nodes = sorted(state.failures(), key=lambda node: (not state.graph.is_group(node), state.outcome[node]))
    return [_failure(state, store, node) for node in nodes[:limit] if state.outcome[node]]


def _failure(state: RunState, store: Store, node: int) -> Failure:
    from durable.engine.map_results import status_counts
    from durable.engine.refusals import decode_refusal

    name, status, seq = state.graph.ids[node], STATUSES[state.nodes[node]], state.outcome[node]
    event = store.event(state.run_id, seq)
    error = str(event.fields.get("error") or event.fields.get("reason") or status)
    if not state.graph.is_group(node):
        return Failure(name, "task", status, error, seq, state.attempts[node], short=state.graph.short.get(node, ""))
    if event.type != "GroupFailed":
        return Failure(name, "group", status, error, seq)
    said = decode_refusal(event.encoding, event.payload)
    expansion = state.graph.expansions.by_group.get(node)
    counts = status_counts(state, expansion) if expansion is not None else {}
    lost = counts.get("failed", 0) + counts.get("timed_out", 0)
    return Failure(name, "group", status, said.message, seq, 0, said.failed_tasks, said.successful_tasks, lost=lost)


def lines_of(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield failures as lines of text; a member that its group names is not named again."""
    named: set[str] = set()
    for failure in failures:
        if failure.id in named or failure.short in named:
            continue
        tries = f" (attempt {failure.attempts})" if failure.attempts > 1 else ""
        head = f"  {failure.kind} {coloured(printable(failure.id), bold=True)} {coloured(failure.status, 'red')}{tries}"
        yield f"{head}: {printable(failure.error.removeprefix(f'group {failure.id!r} failed: '))}"
        named.update(member for member, _ in failure.failed_tasks)
        named.update(f"{failure.id}/{member}" for member, _ in failure.failed_tasks)  # members of maps
        yield from _member_lines(failure)


def not_listed(state: RunState, found: Sequence[Failure]) -> int:
    """How many failures there are besides those that were found and the members of groups among them."""
    groups = {state.graph.number(failure.id) for failure in found if failure.kind == "group"}
    listed = {failure.id for failure in found}
    rest = (node for node in state.failures() if state.graph.parent[node] not in groups)
    return sum(state.graph.ids[node] not in listed for node in rest)


def _member_lines(failure: Failure) -> Iterator[str]:
    for member, error in failure.failed_tasks[:SHOWN]:
        yield f"    {printable(member)}: {printable(' '.join(error.split()))}"
    more = (failure.lost or len(failure.failed_tasks)) - SHOWN
    if more > 0:
        yield f"    and {more:,} more"
    if failure.successful_tasks:
        yield f"    succeeded: {_names(failure.successful_tasks)}"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return printable(", ".join(names[:SHOWN])) + more


def first_traceback(state: RunState, store: Store, found: list[Failure]) -> str:
    """Return the recorded traceback of the first failed task; "" when there is none."""
    from durable.values.failures import decode_error

    for failure in found:
        if failure.kind == "task" and failure.status in ("failed", "timed_out"):
            event = store.event(state.run_id, failure.seq)
            return printable(decode_error(event.encoding, event.payload).traceback, keep="\n")
    return ""
