"""Verdicts: ask policies, and record what they say."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from durable.core.policies import GroupExecutionPolicy, is_built_in, make_policy
from durable.core.policies.counts import MemberCounts
from durable.core.task_events import group_failed, group_retry_requested, group_succeeded
from durable.core.transitions import RUNNING
from durable.definition.compile import Compiled
from durable.engine.bulk_transitions import UNFINISHED, close_nodes, reopen_member
from durable.engine.evaluation import Verdict, judge
from durable.engine.journal import Journal
from durable.engine.refusals import Refusal, encode_refusal
from durable.engine.running_attempts import RunningAttempts
from durable.engine.scheduled_events import emit_fragment
from durable.values.failures import record_error


class Verdicts:
    """Judges the groups of one drive. All results must be committed before a group is judged.

    Args:
        journal: where events go.
        running: what runs now; an early verdict ends it.
        code: the live policies.
        causes: takes the exceptions of policies, by group.

    Attributes:
        policies: the policy of each group, by id.
    """

    def __init__(
        self, journal: Journal, running: RunningAttempts, code: Compiled, causes: dict[int, BaseException]
    ) -> None:
        self.policies: dict[str, GroupExecutionPolicy] = dict(code.policies)
        self._journal = journal
        self._running = running
        self._code = code
        self._causes = causes

    def give(self, group: int, early: bool) -> None:
        """Judge one group; records a verdict, a request for another attempt, or (early) nothing."""
        state = self._journal.state
        if state.nodes[group] != RUNNING:
            return  # a verdict on a group around it has just closed it
        name = state.graph.ids[group]
        tasks, route = self._code.members(state.graph, group)
        policy = self._policy(group, name)
        counts = self._counts(group)
        verdict = judge(state, self._journal.view, group, policy, tasks, early=early, route=route, counts=counts)
        if verdict.passed and not early:
            self._refuse_unread(group, policy, verdict)
        if verdict.retries:
            self._retry(group, name, verdict)
        elif verdict.passed is not None:
            if verdict.cause is not None:
                self._causes[group] = verdict.cause
            self._record(group, name, verdict, policy)
            # After the verdict, so that what is closed counts as settled by a success and as blocked by a failure.
            self._close(group)

    def fail(self, group: int, error: BaseException) -> None:
        """Fail a map whose items cannot be read; what it has begun is cancelled."""
        state = self._journal.state
        if state.nodes[group] != RUNNING:
            return
        name = state.graph.ids[group]
        record = record_error(error)
        said = Verdict(False, Refusal(f"the items of {name!r} cannot be read: {record.line}", error=record))
        self._causes[group] = error
        self._record(group, name, said, self._policy(group, name))
        self._close(group)

    def _refuse_unread(self, group: int, policy: GroupExecutionPolicy, verdict: Verdict) -> None:
        """Let a map fail whose time was over before its items were read, unless more of them could change nothing."""
        expansion = self._journal.state.graph.expansions.by_group.get(group)
        counts = self._counts(group)
        if expansion is None or counts is None or not expansion.cut or policy.takes_part:
            return
        if not policy.decide_by_counts(replace(counts, complete=False)):
            why = f"its time was over before its items were read to the end; {expansion.count} have members"
            verdict.passed, verdict.refusal = False, Refusal(f"group {expansion.name!r} failed: {why}")

    def _counts(self, group: int) -> MemberCounts | None:
        """How the members of a map stand; None for other groups."""
        expansion, frontier = self._journal.state.graph.expansions.by_group.get(group), self._journal.frontier
        if expansion is None or frontier is None:
            return None
        remaining = frontier.unsettled[group] - (not expansion.complete)
        failed = frontier.failed[group]
        return MemberCounts(expansion.count - remaining - failed, failed, remaining, expansion.complete)

    def _close(self, group: int) -> None:
        """End what a verdict has decided; of the members of a map, only those that have not ended are looked at."""
        state = self._journal.state
        nodes: Iterable[int] = state.graph.subtree(group)
        if group in state.graph.expansions.by_group:
            nodes = [node for node in state.having(*UNFINISHED) if state.graph.parent[node] == group]
        close_nodes(self._journal, nodes, "the group was decided", self._running.give_up)

    def _policy(self, group: int, name: str) -> GroupExecutionPolicy:
        """The policy that a re-judging named, also after a crash; else the workflow's own."""
        given = self._journal.state.rejudged.get(group, {}).get("policy")
        if is_built_in(given):
            return make_policy(given)
        return self.policies[name] if name in self.policies else self._code.policies[name]

    def _retry(self, group: int, name: str, verdict: Verdict) -> None:
        journal = self._journal
        journal.emit_writes(verdict.writes, name)
        journal.emit(group_retry_requested(verdict.retries), name)
        graph = journal.state.graph
        expansion = graph.expansions.by_group.get(group)
        if expansion is not None:
            lines = [[node] for node in map(expansion.find, verdict.retries) if node is not None]
        else:
            lines = [line for line in graph.members[group] if graph.name(line[-1]) in verdict.retries]
        for line in lines:
            reopen_member(journal, line, "the policy asked for another attempt")
        self._running.watch_group(group)

    def _record(self, group: int, name: str, verdict: Verdict, policy: GroupExecutionPolicy) -> None:
        asked = self._journal.state.rejudged.get(group, {})
        said = {"policy": policy.describe(), "actor": asked.get("actor"), "reason": asked.get("reason")}
        if verdict.passed:
            self._journal.emit_writes(verdict.writes, name)
            if verdict.fragment is not None:
                emit_fragment(self._journal, name, 0, verdict.fragment)
            self._journal.emit(group_succeeded(**said, taken=verdict.taken), name)
            return
        refusal = verdict.refusal or Refusal(f"group {name!r} failed")
        error = " ".join(refusal.message.split())[:200]
        self._journal.emit(group_failed(encode_refusal(refusal), **said, error=error), name)
