"""What takes the space of a run, and what is left of a pruned one, as lines and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable.cli.formatting import counted, local_time, sized, utc_time
from durable.core.sizes import RESULTS

if TYPE_CHECKING:
    from durable.core.sizes import Sizes
    from durable.store import RunInfo

_ITEMS = frozenset({"MembersAdded"})


def parts(sizes: Sizes) -> dict[str, int]:
    """Return the bytes of each part of a run that takes any, the largest first."""
    found = {
        "events": sizes.log,
        "results": sum(size for kind, size in sizes.payloads.items() if kind in RESULTS),
        "items": sum(size for kind, size in sizes.payloads.items() if kind in _ITEMS),
        "other values": sum(size for kind, size in sizes.payloads.items() if kind not in RESULTS | _ITEMS),
        "checkpoints": sizes.checkpoints,
        "messages": sizes.messages,
        "shared with other runs": sizes.shared,
    }
    return dict(sorted(((name, size) for name, size in found.items() if size), key=lambda part: -part[1]))


def space_line(sizes: Sizes) -> str:
    """Return in one line what takes the space: ``3.4 MB: results 2.8 MB (82 %), events 0.6 MB (18 %)``."""
    total = sizes.total
    shares = [f"{name} {sized(size)} ({size / total:.0%})" for name, size in parts(sizes).items()]
    return f"{sized(total)}: {', '.join(shares)}"


def space_document(sizes: Sizes) -> dict[str, Any]:
    """Return what takes the space, as JSON has it: bytes."""
    return {
        "total": sizes.total,
        "own": sizes.own,
        "shared": sizes.shared,
        "events": sizes.log,
        "payloads": dict(sizes.payloads),
        "checkpoints": sizes.checkpoints,
        "messages": sizes.messages,
    }


def pruned_lines(info: RunInfo) -> list[str]:
    """Return what is known of a run that was pruned."""
    pruned = info.pruned
    assert pruned is not None
    tasks = ", ".join(f"{count:,} {name}" for name, count in pruned.tasks.items())
    return [
        f"pruned:    {local_time(pruned.time)}: its events and values are gone, {sized(pruned.freed)} were freed",
        f"began:     {local_time(info.created)}, ended {local_time(pruned.ended)}, {counted(pruned.events, 'event')}",
        f"tasks:     {sum(pruned.tasks.values()):,}: {tasks}" if tasks else "tasks:     not known: the log was damaged",
    ]


def pruned_document(info: RunInfo) -> dict[str, Any]:
    """Return what is known of a run that was pruned, as JSON has it."""
    pruned = info.pruned
    assert pruned is not None
    return {
        "run_id": info.run_id,
        "workflow": info.workflow,
        "status": info.status,
        "created": utc_time(info.created),
        "updated": utc_time(info.updated),
        "seconds": (info.updated - info.created) / 1e6,
        "events": info.seq,
        "file": info.file,
        "counts": {"total": sum(pruned.tasks.values()), **pruned.tasks},
        "pruned": utc_time(pruned.time),
        "freed": pruned.freed,
    }
