"""Forking: which events of a run's past a fork of it keeps. It must not know stores, clocks or code.

A fork shares its past with another run. What ended that past, or brought it to rest, is left behind, so
that the fork can go on. Tasks that are to be done again lose all their events, and so does everything
downstream of them: what follows them, what they scheduled, and what follows a verdict on a group that
one of them is a member of. What is kept folds like any other log.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from durable.core.events import Event, encode_fields
from durable.core.fold import apply
from durable.core.durable_calls import find
from durable.core.state import RunState
from durable.core.transitions import CANCELLED, FAILED, SKIPPED, SUCCEEDED, TIMED_OUT

_BAD = frozenset({FAILED, TIMED_OUT, CANCELLED})
_CLOSINGS = frozenset({"TaskCancelled", "TaskSkipped", "GroupCancelled", "GroupSkipped"})
_REOPENINGS = frozenset({"TaskReopened", "GroupReopened"})
_REST = frozenset({"RunInterrupted", "RunSuspended", "RunForked"})
_EARLY_ENDS = frozenset({"the run was cancelled", "the run was ended early"})
"""Reasons of the events that close what was open when a run was ended before its time."""


class Survey:
    """Folds a run's past and takes note of what a fork of it has to know.

    Args:
        state: a new one.

    Attributes:
        scheduled: ids of the tasks and groups that a node has scheduled, by its id.
        decided: nodes that a group's verdict has closed, with that group; by id.
        heard: seqs of the signals that a task has got, by its id.
        closing: where the events begin that ended the run before its time; 0 if none did.
        at_rest: the event that ended the last drive, if the run did not go on since; 0 without one.
    """

    def __init__(self, state: RunState) -> None:
        self.state = state
        self.scheduled: dict[str, list[str]] = {}
        self.decided: dict[str, str] = {}
        self.heard: dict[str, list[int]] = {}
        self.closing = 0
        self.at_rest = 0
        self._block = 0

    def take(self, event: Event) -> None:
        """Fold the next event. Raises what ``apply`` raises."""
        state, kind = self.state, event.type
        waiting = state.signals.get(event.fields["name"]) if kind == "SignalAwaited" else None
        given = waiting[0] if waiting else event.seq
        node = apply(state, event)
        if kind in _CLOSINGS:
            self._closed(event)
            return
        if kind.startswith("Run"):
            self._run_moved(event)
        elif kind in _REOPENINGS:
            self.decided.pop(event.task_id or "", None)
        elif kind == "TasksScheduled":
            self.scheduled.setdefault(event.task_id or "", []).extend(state.graph.fragments[-1][1].ids)
        elif node is not None and (waiting is not None or kind == "SignalReceived"):
            self.heard.setdefault(state.graph.ids[node], []).append(given)
        self._block = 0

    def _closed(self, event: Event) -> None:
        """Find out whether a verdict, or the end of the run, has closed a node."""
        if event.fields.get("reason") in _EARLY_ENDS:
            self._block = self._block or event.seq
            return
        self._block = 0
        state = self.state
        group = state.graph.parent[state.index[event.task_id or ""]]
        while group >= 0:
            if state.nodes[group] in (SUCCEEDED, FAILED):
                self.decided[event.task_id or ""] = state.graph.ids[group]
                return
            group = state.graph.parent[group]

    def _run_moved(self, event: Event) -> None:
        if event.type in _REST:
            self.at_rest = event.seq
        elif event.type == "RunContinued":
            self.at_rest = 0
        elif event.type in ("RunCancelled", "RunSucceeded"):
            self.closing = self._block or event.seq


class Selection:
    """Which events of a past are kept.

    Args:
        survey: of that past.
        tasks: ids of the tasks and groups to be done again.

    Attributes:
        again: ids of everything that is done again.
        judged_again: ids of the groups that stay open, because they are done again in part.
        left_out: other events that are not kept, by seq.
        until: the last event that may be kept.
    """

    def __init__(self, survey: Survey, tasks: Iterable[str] = ()) -> None:
        self.again: set[str] = set()
        self.judged_again: set[str] = set()
        self._survey = survey
        self._todo: list[str] = []
        for name in tasks:
            self._redo(name)
        while self._todo:
            self._spread(self._todo.pop())
        self.judged_again -= self.again
        self.until = survey.closing - 1 if survey.closing else survey.state.seq
        self.left_out = {survey.at_rest}
        self.left_out.update(seq for name in self.again for seq in survey.heard.get(name, ()))
        self.left_out.update(self._closings_undone())

    def keeps(self, event: Event) -> bool:
        """Whether an event of the past is kept."""
        if event.seq > self.until or event.seq in self.left_out:
            return False
        name = event.task_id
        if name in self.again:
            return event.type == "MembersAdded" and self._given(name)
        if name not in self.judged_again or event.type == "GroupStarted":
            return True
        return event.type == "MembersAdded" and not event.fields.get("cut")  # a fork has time anew

    def _given(self, name: str | None) -> bool:
        """Whether a map that is done again was given its items by a task that is not: nobody could read them anew."""
        graph = self._survey.state.graph
        node = graph.index.get(name or "")
        if node not in graph.scheduler or graph.ids[graph.scheduler[node]] in self.again | self.judged_again:
            return False
        spec = graph.group(node).map
        return spec is not None and not spec.source

    def reopened(self) -> list[tuple[str, str]]:
        """What a fork of a failed run opens again, as a resume of that run would: events and ids."""
        state = self._survey.state
        if state.status != FAILED:
            return []
        graph, bad = state.graph, set(state.failures())
        for node in bad.copy():
            if graph.is_group(node):
                bad.update(inner for inner in graph.subtree(node) if state.nodes[inner] == SKIPPED)
        kept = [node for node in sorted(bad) if not state.settled(node) and self._stands(node)]
        return [("GroupReopened" if graph.is_group(node) else "TaskReopened", graph.ids[node]) for node in kept]

    def _stands(self, node: int) -> bool:
        """Whether the node's recorded outcome is kept."""
        state = self._survey.state
        name = state.graph.ids[node]
        return name not in self.again and name not in self.judged_again and state.outcome[node] not in self.left_out

    def _closings_undone(self) -> Iterator[int]:
        """Yield the events with which a verdict that is not kept has closed what is not done again."""
        state = self._survey.state
        for name, group in self._survey.decided.items():
            node = state.index.get(name)
            if group in self.judged_again and node is not None:
                yield state.outcome[node]

    def _redo(self, name: str) -> None:
        if name not in self.again:
            self.again.add(name)
            self._todo.append(name)

    def _spread(self, name: str) -> None:
        """Take in what is downstream of something that is done again."""
        graph = self._survey.state.graph
        for other in self._survey.scheduled.get(name, ()):
            self._redo(other)
        node = graph.index.get(name)
        if node is None:
            return  # of an earlier definition
        for target in graph.after[node]:
            self._redo(graph.ids[target])
        for group in graph.expansions.by_group:
            spec = graph.group(group).map
            if spec is not None and spec.source and graph.find(spec.source, group, members=False) == node:
                self._redo(graph.ids[group])
        for inner in graph.subtree(node) if graph.grouped[node] else ():
            self._redo(graph.ids[inner])
        group = graph.parent[node]
        while group >= 0:
            self._judge_again(group)
            group = graph.parent[group]

    def _judge_again(self, group: int) -> None:
        """Take back a group's verdict, and with it what followed from it."""
        graph = self._survey.state.graph
        name = graph.ids[group]
        if name in self.again or name in self.judged_again:
            return
        if not self._survey.state.started[group]:  # it was skipped, with everything inside of it
            self._redo(name)
            return
        self.judged_again.add(name)
        inside = set(graph.subtree(group))
        targets = set(graph.after[group])
        targets.update(target for inner in inside if self._was_settled(inner, group) for target in graph.after[inner])
        for target in targets - inside:
            self._redo(graph.ids[target])
        for other in self._survey.scheduled.get(name, ()):
            self._redo(other)

    def _was_settled(self, node: int, by: int) -> bool:
        """Whether it took the verdict of this group to know what the node's outcome leads to."""
        state = self._survey.state
        if state.nodes[node] not in _BAD and state.graph.ids[node] not in self._survey.decided:
            return False
        group = state.graph.parent[node]
        while group != by:
            if state.nodes[group] == SUCCEEDED:
                return False
            group = state.graph.parent[group]
        return True


def kept(events: Iterable[Event], selection: Selection, renamed: Mapping[str, str]) -> Iterator[Event]:
    """Yield the events that are kept, numbered anew, with other ids for questions.

    Args:
        events: the past, from its first event on.
        selection: which of them are kept.
        renamed: new ids of questions that are open, by their old ids.
    """
    seq = 0
    dropped = array("Q")
    for event in events:
        if not selection.keeps(event):
            dropped.append(event.seq)
            continue
        seq += 1
        if event.seq != seq:
            event = renumbered(msgspec.structs.replace(event, seq=seq), lambda was: was - bisect_left(dropped, was))
        if event.type == "FeedbackRequested" and event.fields["id"] in renamed:
            data = encode_fields({**event.fields, "id": renamed[event.fields["id"]]})
            event = msgspec.structs.replace(event, data=data)
        yield event


def renumbered(event: Event, number: Callable[[int], int]) -> Event:
    """Return an event with other numbers of the events that it names.

    Args:
        event: any event; members of a map may be made of the values of others.
        number: gives the new number of an event.
    """
    sources = event.fields.get("sources") if event.type == "MembersAdded" else None
    if sources is None:
        return event
    data = encode_fields({**event.fields, "sources": [number(seq) for seq in sources]})
    return msgspec.structs.replace(event, data=data)


def open_questions(state: RunState) -> list[str]:
    """Return the ids of the questions whose wait has not ended."""
    found = []
    for name, (node, path, seq, _) in state.requests.items():
        mark = find(state.marks.get(node), path)
        if mark is not None and mark.seq == seq and mark.waits:
            found.append(name)
    return found


def new_question_id(name: str, run_id: str, fork: str, taken: Collection[str]) -> str:
    """Return the id that a question has in a fork: ``<id>@<fork>``, once only where a fork is forked.

    Args:
        name: its id in the run that is forked; run_id: that run.
        fork: the new run.
        taken: the ids that the run's questions have.
    """
    found = f"{name.removesuffix(f'@{run_id}')}@{fork}"
    return found if found not in taken else f"{name}@{fork}"
