"""Evidence: what was read after a process had ended, and plain ways to look at it.

It does not use the fold, the transition table or the graph, so that a fault in those does not hide itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from durable.core.events import Event
from durable.core.specs import Definition, Fragment
from durable.values.payloads import decode_raw
from durable.testing.crash.witness import ACKNOWLEDGED, Line

_GRAPHS: dict[str, type[Definition | Fragment]] = {
    "RunCreated": Definition,
    "DefinitionChanged": Definition,
    "TasksScheduled": Fragment,
}


class Evidence(msgspec.Struct, frozen=True):
    """What was read after a process had ended.

    Attributes:
        events: the whole log; appends: last seq of each append.
        lines: what the witness holds.
        before: the log when it was last read.
        inbox: ids of the messages that wait.
    """

    events: Sequence[Event]
    appends: Sequence[int]
    lines: Sequence[Line]
    before: Sequence[Event] = ()
    inbox: Sequence[str] = ()

    @property
    def copied(self) -> int:
        """The last event that a fork has from another run, whose bodies the witness did not see; 0 for other runs."""
        return max((event.seq for event in self.events if event.type == "RunForked"), default=0)

    def batches(self) -> Iterator[Sequence[Event]]:
        """Yield the log, append by append."""
        begin = 0
        for last in self.appends:
            yield self.events[begin:last]
            begin = last

    def known(self) -> Iterator[tuple[Line, int]]:
        """Yield each line with the last seq that its process knew then: found at its start, or acknowledged since."""
        begin_of = dict(zip(self.appends, (0, *self.appends), strict=False))
        known: dict[int, int] = {}
        for line in self.lines:
            if line.what == ACKNOWLEDGED and line.pid not in known:
                known[line.pid] = begin_of.get(line.number, 0)
        for line in self.lines:
            if line.what == ACKNOWLEDGED:
                known[line.pid] = line.number
            yield line, known.get(line.pid, 0)

    def recorded(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each event that recorded members of a map, by its seq, with their ids."""
        counts: dict[str, int] = {}
        for event in self.events:
            if event.type == "MembersAdded":
                group, fields = str(event.task_id), event.fields
                begin = counts.get(group, 0)
                counts[group] = begin + fields["count"]
                yield event.seq, [f"{group}/{name}" for name in fields.get("keys") or range(begin, counts[group])]

    def graphs(self) -> Iterator[tuple[int, set[str]]]:
        """Yield each seq at which the run's graph changed, with the ids of its tasks and groups from there on."""
        ids: set[str] = set()
        scheduled: set[str] = set()
        recorded = dict(self.recorded())
        for event in self.events:
            if event.seq in recorded:
                scheduled |= set(recorded[event.seq])
                yield event.seq, ids | scheduled
            graph = _graph(event)
            if graph is None:
                continue
            found = {task.id for task in graph.tasks} | {group.id for group in graph.groups}
            if isinstance(graph, Fragment):
                scheduled |= found
            else:
                ids = found
            yield event.seq, ids | scheduled

    def members(self) -> dict[str, set[str]]:
        """Return the tasks and groups inside each group, by its id."""
        lines: dict[str, set[str]] = {}
        for event in self.events:
            graph = _graph(event)
            for group in graph.groups if graph is not None else ():
                lines[group.id] = {name for line in group.members for name in line}
        for seq, names in self.recorded():
            lines.setdefault(str(self.events[seq - 1].task_id), set()).update(names)
        return {group: _inside(group, lines) for group in lines}


def _graph(event: Event) -> Definition | Fragment | None:
    """The tasks and groups that an event brings, if it is one that does."""
    kind = _GRAPHS.get(event.type)
    if kind is None or event.payload is None:
        return None
    return msgspec.json.decode(decode_raw(event.encoding, event.payload)[1], type=kind)


def _inside(group: str, lines: dict[str, set[str]]) -> set[str]:
    found = set(lines[group])
    for name in lines[group] & lines.keys():
        found |= _inside(name, lines)
    return found
