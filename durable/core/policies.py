"""Policies: the verdict over a group's recorded TaskResults.

A policy judges data that is already in the log; it starts nothing. Anything with an
``on_group_finished`` method is a policy. The built-in ones are pure and have a description that the
log records, from which ``make_policy`` makes them again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from durable.core.results import TaskResult
from durable.errors import DefinitionError, ParallelGroupError

Results = Mapping[str, TaskResult]


class GroupExecutionPolicy(ABC):
    """The rule by which a group succeeds or fails. Derive from it for a rule of your own."""

    type: str = ""
    fail_fast: bool = False

    def __init_subclass__(cls) -> None:
        if "type" not in vars(cls):  # a built-in policy's subclass must not be recorded as the built-in one
            cls.type = f"{cls.__module__}.{cls.__qualname__}"

    @abstractmethod
    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        """Judge the group: return for success, raise for failure.

        Args:
            group_id: the group.
            tasks: the group's members.
            results: the recorded outcome of each member, by member id.
            context: gives ``metadata`` (kept with the run) and ``next_task(member)``, which asks for
                another attempt of that member instead of a verdict.

        Raises:
            ParallelGroupError: the group failed.
        """

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        """Say early what the verdict will be, whatever the remaining members do.

        Args:
            results: outcomes of the members that are settled.
            remaining: ids of those that are not.

        Returns:
            True or False when it is certain, None when it is open.
        """
        return None

    def check(self, group_id: str, members: Sequence[str]) -> None:  # noqa: B027 - most policies fit any group
        """Refuse parameters that cannot fit the group. Raises ``DefinitionError``."""

    def describe(self) -> Any:
        """Return what the log records: a name, or a dict with ``type`` and the parameters."""
        return self.type

    def _validate_group_results(self, group_id: str, tasks: Sequence[Any], results: Results) -> None:
        """Refuse to judge results that do not cover the members.

        Raises:
            ParallelGroupError: a member has no result.
        """
        missing = [name for name in map(_id_of, tasks) if name not in results]
        if missing:
            raise ParallelGroupError(
                f"group {group_id!r} has no result of {_names(missing)}",
                group_id=group_id,
                failed_tasks=[(name, "no result") for name in missing],
                successful_tasks=_succeeded(results),
            )

    def _fail(self, group_id: str, why: str, results: Results, failed: Iterable[str] | None = None) -> None:
        names = _failed(results) if failed is None else list(failed)
        raise ParallelGroupError(
            f"group {group_id!r} failed: {why}",
            group_id=group_id,
            failed_tasks=[(name, _message(results, name)) for name in names],
            successful_tasks=_succeeded(results),
        )


class StrictGroupPolicy(GroupExecutionPolicy):
    """Every member must succeed.

    Args:
        fail_fast: judge at the first failure; what still runs is cancelled.
    """

    type = "strict"

    def __init__(self, fail_fast: bool = False) -> None:
        self.fail_fast = fail_fast

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        failed = _failed(results)
        if failed:
            self._fail(
                group_id,
                f"{len(failed)} of {len(results)} members did not succeed: {_reasons(failed, results)}",
                results,
            )

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        return False if any(not result.success for result in results.values()) else None

    def describe(self) -> Any:
        return {"type": self.type, "fail_fast": True} if self.fail_fast else self.type


class BestEffortGroupPolicy(GroupExecutionPolicy):
    """The group succeeds whatever its members do."""

    type = "best_effort"

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)


class AtLeastNGroupPolicy(GroupExecutionPolicy):
    """At least so many members must succeed.

    Args:
        min_success: how many, from 0 to the size of the group.
    """

    type = "at_least_n"

    def __init__(self, min_success: int) -> None:
        if isinstance(min_success, bool) or not isinstance(min_success, int) or min_success < 0:
            raise DefinitionError(f"at_least_n: min_success must be a number of members, not {min_success!r}")
        self.min_success = min_success

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        done = len(_succeeded(results))
        if done < self.min_success:
            self._fail(group_id, f"{done} of {len(results)} members succeeded, {self.min_success} are needed", results)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        done = len(_succeeded(results))
        return True if done >= self.min_success else False if done + len(remaining) < self.min_success else None

    def check(self, group_id: str, members: Sequence[str]) -> None:
        if self.min_success > len(members):
            raise DefinitionError(
                f"group {group_id!r} has {len(members)} members; min_success={self.min_success} can never be reached"
            )

    def describe(self) -> Any:
        return {"type": self.type, "min_success": self.min_success}


class MinSuccessRatePolicy(GroupExecutionPolicy):
    """At least this share of the members must succeed. A group without members passes.

    Args:
        min_rate: the share, 0 to 1.
    """

    type = "min_success_rate"

    def __init__(self, min_rate: float) -> None:
        if isinstance(min_rate, bool) or not isinstance(min_rate, (int, float)) or not 0 <= min_rate <= 1:
            raise DefinitionError(f"min_success_rate: min_rate is a share from 0 to 1, not {min_rate!r}")
        self.min_rate = min_rate

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        done, size = len(_succeeded(results)), len(results)
        if not self._enough(done, size):
            self._fail(group_id, f"{done} of {size} members succeeded, {self.min_rate:.0%} are needed", results)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        done, size = len(_succeeded(results)), len(results) + len(remaining)
        return True if self._enough(done, size) else None if self._enough(done + len(remaining), size) else False

    def _enough(self, done: int, size: int) -> bool:
        # Divided, because 0.07 * 100 is a little more than 7.
        return not size or done / size >= self.min_rate

    def describe(self) -> Any:
        return {"type": self.type, "min_rate": self.min_rate}


class CriticalGroupPolicy(GroupExecutionPolicy):
    """The named members must succeed; the others may fail.

    Args:
        critical_task_ids: ids of members.
    """

    type = "critical"

    def __init__(self, critical_task_ids: Iterable[str]) -> None:
        if isinstance(critical_task_ids, str):
            raise DefinitionError("critical: critical_task_ids is a list of ids, not one text")
        self.critical_task_ids = list(critical_task_ids)

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        failed = [name for name in self.critical_task_ids if name not in results or not results[name].success]
        if failed:
            self._fail(group_id, f"critical members did not succeed: {_reasons(failed, results)}", results, failed)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        if any(name in results and not results[name].success for name in self.critical_task_ids):
            return False
        return True if all(name in results for name in self.critical_task_ids) else None

    def check(self, group_id: str, members: Sequence[str]) -> None:
        unknown = [name for name in self.critical_task_ids if name not in members]
        if unknown:
            raise DefinitionError(
                f"group {group_id!r} has no member {_names(unknown)} that its critical policy names",
                hint=f"Its members: {_names(list(members))}",
            )

    def describe(self) -> Any:
        return {"type": self.type, "critical_task_ids": self.critical_task_ids}


class MaxFailuresPolicy(GroupExecutionPolicy):
    """At most so many members may fail: a failure budget.

    Args:
        max_failures: how many, from 0.
    """

    type = "max_failures"

    def __init__(self, max_failures: int) -> None:
        if isinstance(max_failures, bool) or not isinstance(max_failures, int) or max_failures < 0:
            raise DefinitionError(f"max_failures: max_failures must be a number of members, not {max_failures!r}")
        self.max_failures = max_failures

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        failed = len(_failed(results))
        if failed > self.max_failures:
            self._fail(group_id, f"{failed} of {len(results)} members failed, {self.max_failures} are allowed", results)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        failed = len(_failed(results))
        return False if failed > self.max_failures else True if failed + len(remaining) <= self.max_failures else None

    def describe(self) -> Any:
        return {"type": self.type, "max_failures": self.max_failures}


class AllOf(GroupExecutionPolicy):
    """Every one of the policies must pass; the first that does not gives the reason.

    Args:
        *policies: policies, names or descriptions.
    """

    type = "all_of"

    def __init__(self, *policies: Any) -> None:
        if not policies:
            raise DefinitionError("all_of: name at least one policy")
        self.policies = [make_policy(policy) for policy in policies]
        self.fail_fast = any(policy.fail_fast for policy in self.policies)

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        for policy in self.policies:
            policy.on_group_finished(group_id, tasks, results, context)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        said = [policy.decide(results, remaining) for policy in self.policies]
        return False if False in said else True if all(said) else None

    def check(self, group_id: str, members: Sequence[str]) -> None:
        for policy in self.policies:
            policy.check(group_id, members)

    def describe(self) -> Any:
        return {"type": self.type, "policies": [policy.describe() for policy in self.policies]}


class _Adapted(GroupExecutionPolicy):
    """Any object with ``on_group_finished``, given the methods that it lacks."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.fail_fast = bool(getattr(policy, "fail_fast", False))

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self.policy.on_group_finished(group_id, tasks, results, context)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        decide = getattr(self.policy, "decide", None)
        said: bool | None = decide(results, remaining) if decide else None
        return said

    def describe(self) -> Any:
        return f"{type(self.policy).__module__}.{type(self.policy).__qualname__}"


_BUILT_IN: dict[str, Any] = {
    policy.type: policy
    for policy in (
        StrictGroupPolicy,
        BestEffortGroupPolicy,
        AtLeastNGroupPolicy,
        MinSuccessRatePolicy,
        CriticalGroupPolicy,
        MaxFailuresPolicy,
    )
}


def make_policy(policy: Any) -> GroupExecutionPolicy:
    """Return a policy for what users write.

    Args:
        policy: a policy, anything with ``on_group_finished``, a name (``"best_effort"``), a
            description (``{"type": "at_least_n", "min_success": 2}``), or None for strict.

    Raises:
        DefinitionError: an unknown name, or parameters that do not fit it.
    """
    if policy is None:
        return StrictGroupPolicy()
    if isinstance(policy, GroupExecutionPolicy):
        return policy
    if hasattr(policy, "on_group_finished") and not isinstance(policy, type):
        return _Adapted(policy)
    if isinstance(policy, str):
        policy = {"type": policy}
    if not isinstance(policy, Mapping) or "type" not in policy:
        raise DefinitionError(
            f"{policy!r} is not a policy",
            hint="Use a name, a description with 'type', or an object with on_group_finished",
        )
    parameters = dict(policy)
    name = parameters.pop("type")
    if name == AllOf.type:
        return AllOf(*parameters.get("policies", ()))
    if name not in _BUILT_IN:
        raise DefinitionError(f"there is no policy {name!r}", hint=f"Built in: {', '.join([*_BUILT_IN, AllOf.type])}")
    try:
        made: GroupExecutionPolicy = _BUILT_IN[name](**parameters)
    except TypeError as error:
        raise DefinitionError(f"policy {name!r}: {error}") from None
    return made


def is_built_in(description: Any) -> bool:
    """Whether ``make_policy`` can make a policy from its recorded description."""
    if isinstance(description, str):
        return description in _BUILT_IN
    if isinstance(description, Mapping):
        if description.get("type") == AllOf.type:
            return all(is_built_in(inner) for inner in description.get("policies", ()))
        return description.get("type") in _BUILT_IN
    return False


def _id_of(task: Any) -> str:
    return task if isinstance(task, str) else str(getattr(task, "task_id", None) or getattr(task, "id", task))


def _failed(results: Results) -> list[str]:
    return [name for name, result in results.items() if not result.success]


def _succeeded(results: Results) -> list[str]:
    return [name for name, result in results.items() if result.success]


def _message(results: Results, name: str) -> str:
    result = results.get(name)
    return (result.error_message or result.status) if result else "no result"


def _reasons(names: Sequence[str], results: Results) -> str:
    """Some members with the reason of each; the whole list stands in the error's ``failed_tasks``."""
    some = ", ".join(f"{name!r} ({_message(results, name)})" for name in names[:3])
    return some + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _names(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
