"""Judge: ask a group's policy for its verdict over the recorded results.

It calls policy code and returns what should be recorded; it records nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from durable.context.effects import Write
from durable.context.metadata import Metadata
from durable.core.policies import BestEffortGroupPolicy, GroupExecutionPolicy, StrictGroupPolicy, is_built_in
from durable.core.policies.counts import MemberCounts
from durable.core.results import TaskResult
from durable.core.specs import Fragment
from durable.core.state import RunState
from durable.core.transitions import ENDED, SUCCEEDED
from durable.definition.expressions import Linkable
from durable.definition.member_tasks import MemberTasks
from durable.definition.scheduling import Scheduling
from durable.engine.map_results import Names, Results
from durable.engine.refusals import Refusal
from durable.engine.run_view import RunView
from durable.errors import DefinitionError, ParallelGroupError
from durable.values.failures import record_error

Route: TypeAlias = Callable[[Any], Sequence[str] | None]


class Verdict(msgspec.Struct):
    """What a policy said.

    Attributes:
        passed: True for success, False for failure, None for no verdict (yet).
        refusal: why it failed.
        retries: members that are to be tried again instead of a verdict.
        fragment: other tasks that are to run after the verdict.
        taken: ids of the successors to take; None for all.
        writes: changes of the metadata, to be committed with it.
        cause: the exception that the policy raised, for a live caller.
    """

    passed: bool | None
    refusal: Refusal | None = None
    retries: list[str] = []
    fragment: Fragment | None = None
    taken: list[str] | None = None
    writes: list[Write] = []
    cause: BaseException | None = None


class GroupContext:
    """What a policy sees of the run besides the results.

    Attributes:
        run_id, group_id: what is judged; view: its committed data.
        metadata: the run's durable metadata, a dict.
    """

    def __init__(
        self,
        view: RunView,
        group_id: str,
        members: Container[str],
        final: Sequence[str],
        tasks: Sequence[Any] = (),
    ) -> None:
        self.run_id = view.run_id
        self.group_id = group_id
        self.metadata = Metadata(view)
        self.retries: dict[str, None] = {}
        self.scheduling = Scheduling(group_id, view.state.index.__contains__)
        self.view = view
        self._members = members
        self._final = final
        self._tasks = tasks

    def next_task(self, task: Any) -> None:
        """Ask for another attempt of a member, or for other work after the verdict.

        Args:
            task: the member, its id or its TaskResult: the group is re-evaluated after it. Or a task,
                group or chain that is no member: it runs after the verdict.

        Raises:
            DefinitionError: it cannot run.
        """
        name: str | None = task if isinstance(task, str) else getattr(task, "task_id", None)
        if name in self._final:
            raise DefinitionError(f"{name!r} is a group that has succeeded", hint="A verdict of success is final")
        if name is not None and name in self._members:
            self._refuse_other_arguments(name, task)
            self.retries[name] = None
        elif isinstance(task, Linkable):
            self.scheduling.add(task)
        else:
            raise DefinitionError(
                f"{name!r} is not a member of group {self.group_id!r}", hint="Name a member, or give a task to schedule"
            )

    def _refuse_other_arguments(self, name: str, task: Any) -> None:
        """Refuse what would be lost: another attempt of a member has the member's own arguments."""
        given = getattr(task, "bound", None)
        if not given:
            return  # before the member is looked for: of a map's many members, a policy may ask for many
        if isinstance(self._tasks, MemberTasks):
            own = self._tasks.named(name)
        else:
            own = next((member for member in self._tasks if getattr(member, "task_id", None) == name), None)
        if own is not None and task is not own and given != own.bound:
            raise DefinitionError(
                f"another attempt of {name!r} has the arguments that the member was given",
                hint=f"Schedule a task of its own instead: {name}(task_id=..., ...)",
            )

    def get(self, key: str, default: Any = None) -> Any:
        """Return a channel key's committed value, or the default."""
        cell = self.view.channel.get(key)
        return default if cell is None else self.view.read_channel(key, cell)

    def get_result(self, task_id: str, default: Any = None) -> Any:
        """Return the recorded value of a task or group, or the default when it has none."""
        return self.view.result(task_id, default)


def judge(
    state: RunState,
    view: RunView,
    group: int,
    policy: GroupExecutionPolicy,
    tasks: Sequence[Any],
    *,
    early: bool,
    route: Route | None = None,
    counts: MemberCounts | None = None,
) -> Verdict:
    """Return the policy's verdict.

    Args:
        state: the folded state; every result in it is committed.
        view: loads values for the policy.
        group: the group's number.
        policy: the policy.
        tasks: the members' live tasks, in definition order.
        early: some members are not settled yet: ask only for a verdict that is certain.
        route: given the context, says which successors are taken; None for all.
        counts: how the members of a map stand; None for other groups.
    """
    if not early and counts is None and route is None and _needs_no_look(state, group, policy):
        return Verdict(True)
    spec = state.graph.group(group)
    case = _MapCase(view, group, counts) if counts is not None else _GroupCase(view, group)
    context = GroupContext(view, spec.id, case.names, case.final, tasks)
    try:
        if early:
            said = case.certain(policy)
            if said is None or (said and not spec.decide_early):
                return Verdict(None)
            if said:
                return _passed(context, route)
        policy.on_group_finished(spec.id, tasks, case.results(), context)
        if early:
            return Verdict(False, Refusal(f"group {spec.id!r} failed: its policy decided so early"))
        return _passed(context, route)
    except ParallelGroupError as error:
        return Verdict(False, _refusal(error), cause=error)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        record = record_error(error)
        return Verdict(
            False, Refusal(f"the policy of group {spec.id!r} raised {record.line}", error=record), cause=error
        )


def _needs_no_look(state: RunState, group: int, policy: GroupExecutionPolicy) -> bool:
    """Whether the policy is one of durable's own that is content when every member succeeded, and every one has.

    Most groups end so, and making all results for a policy that then looks for failures costs as much as a member.
    """
    nodes = state.nodes
    return type(policy) in _CONTENT and all(nodes[line[-1]] == SUCCEEDED for line in state.graph.members[group])


_CONTENT = (StrictGroupPolicy, BestEffortGroupPolicy)


class _GroupCase:
    """What a policy is given of a group."""

    def __init__(self, view: RunView, group: int) -> None:
        graph, nodes = view.state.graph, view.state.nodes
        self._view = view
        self._lines = graph.members[group]
        self._name = graph.name
        self.names: Container[str] = graph.member_ids(group)
        ends = [line[-1] for line in self._lines]
        self.final = [graph.name(end) for end in ends if graph.is_group(end) and nodes[end] == SUCCEEDED]

    def certain(self, policy: GroupExecutionPolicy) -> bool | None:
        """What the verdict will be whatever the members do that are not settled; None when it is open."""
        results, remaining = {}, []
        for line in self._lines:
            if _settled(self._view.state, line):
                results[self._name(line[-1])] = self._view.task_result(line)
            else:
                remaining.append(self._name(line[-1]))
        return policy.decide(results, remaining)

    def results(self) -> Mapping[str, TaskResult]:
        """The results of all members; those that are not settled are not needed any more."""
        state = self._view.state
        return {
            self._name(line[-1]): self._view.task_result(line) if _settled(state, line) else _unneeded(self._view, line)
            for line in self._lines
        }


class _MapCase:
    """What a policy is given of a map: numbers first, and members only if it asks for them."""

    final: Sequence[str] = ()

    def __init__(self, view: RunView, group: int, counts: MemberCounts) -> None:
        self._view = view
        self._expansion = view.state.graph.expansions.by_group[group]
        self._counts = counts
        self.names: Container[str] = Results(view, self._expansion)

    def certain(self, policy: GroupExecutionPolicy) -> bool | None:
        """See ``_GroupCase.certain``; a policy that looks at members is asked once all of them are known."""
        said = policy.decide_by_counts(self._counts)
        if said is None and self._counts.complete and not is_built_in(policy.describe()):
            ended = Results(self._view, self._expansion, ended=True)
            said = policy.decide(ended, ended.remaining)
        return said

    def results(self) -> Mapping[str, TaskResult]:
        """See ``_GroupCase.results``."""
        return Results(self._view, self._expansion)


def _refusal(error: ParallelGroupError) -> Refusal:
    """What a policy put into its error, as plain texts, however carelessly it did."""
    pairs = (entry if isinstance(entry, (tuple, list)) else (entry, "") for entry in error.failed_tasks)
    failed = [pair if len(pair) == 2 else (pair, "") for pair in pairs]
    many = isinstance(error.successful_tasks, Names)  # of a map: the state knows them
    return Refusal(
        _plain(error.message),
        [(_plain(name), _plain(message)) for name, message in failed],
        [] if many else [_plain(name) for name in error.successful_tasks],
    )


def _plain(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()


def _passed(context: GroupContext, route: Route | None) -> Verdict:
    retries = list(context.retries)
    said = Verdict(None if retries else True, retries=retries, writes=context.metadata.writes())
    if not retries:
        taken = route(context) if route is not None else None
        said.fragment = context.scheduling.fragment()  # what the route schedules belongs to it
        said.taken = list(taken) if taken is not None else None
    return said


def _settled(state: RunState, line: Sequence[int]) -> bool:
    """Whether a member has its outcome: its end has, or a node before it ended without success."""
    return any(state.nodes[node] in ENDED and (node == line[-1] or state.nodes[node] != SUCCEEDED) for node in line)


def _unneeded(view: RunView, line: list[int]) -> TaskResult:
    """The result that a member gets when the group is decided without it."""
    status = "cancelled" if any(view.state.attempts[node] for node in line) else "skipped"
    message = "not needed: the group was decided"
    return TaskResult(
        view.state.graph.name(line[-1]), False, message, status=status, attempts=view.state.attempts[line[-1]]
    )
