"""The built-in policies. They are pure, and have a description that the log records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from durable.core.policies.base import (
    GroupExecutionPolicy,
    Results,
    failed_of,
    names_of,
    open_of,
    reasons,
    succeeded_of,
)
from durable.core.policies.counts import MemberCounts
from durable.errors import DefinitionError


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
        failed = failed_of(results)
        if failed:
            self._fail(
                group_id,
                f"{len(failed)} of {len(results)} members did not succeed: {reasons(failed, results)}",
                results,
            )

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        return False if any(not result.success for result in results.values()) else None

    def decide_by_counts(self, counts: MemberCounts) -> bool | None:
        return False if counts.failed else None

    def describe(self) -> Any:
        return {"type": self.type, "fail_fast": True} if self.fail_fast else self.type


class BestEffortGroupPolicy(GroupExecutionPolicy):
    """The group succeeds whatever its members do."""

    type = "best_effort"
    takes_part = True

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)


class AtLeastNGroupPolicy(GroupExecutionPolicy):
    """At least so many members must succeed.

    Args:
        min_success: how many, from 0 to the size of the group.

    Raises:
        DefinitionError: it is no such number.
    """

    type = "at_least_n"

    def __init__(self, min_success: int) -> None:
        if isinstance(min_success, bool) or not isinstance(min_success, int) or min_success < 0:
            raise DefinitionError(f"at_least_n: min_success must be a number of members, not {min_success!r}")
        self.min_success = min_success

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        done = len(succeeded_of(results))
        if done < self.min_success:
            self._fail(group_id, f"{done} of {len(results)} members succeeded, {self.min_success} are needed", results)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        done = len(succeeded_of(results))
        return True if done >= self.min_success else False if done + len(remaining) < self.min_success else None

    def decide_by_counts(self, counts: MemberCounts) -> bool | None:
        if counts.succeeded >= self.min_success:
            return True
        return False if counts.complete and counts.succeeded + counts.remaining < self.min_success else None

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

    Raises:
        DefinitionError: it is no such share.
    """

    type = "min_success_rate"

    def __init__(self, min_rate: float) -> None:
        if isinstance(min_rate, bool) or not isinstance(min_rate, (int, float)) or not 0 <= min_rate <= 1:
            raise DefinitionError(f"min_success_rate: min_rate is a share from 0 to 1, not {min_rate!r}")
        self.min_rate = min_rate

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        done, size = len(succeeded_of(results)), len(results)
        if not self._enough(done, size):
            self._fail(group_id, f"{done} of {size} members succeeded, {self.min_rate:.0%} are needed", results)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        done, size = len(succeeded_of(results)), len(results) + len(remaining)
        return True if self._enough(done, size) else None if self._enough(done + len(remaining), size) else False

    def decide_by_counts(self, counts: MemberCounts) -> bool | None:
        if not counts.complete:
            return None
        done, size = counts.succeeded, counts.succeeded + counts.failed + counts.remaining
        return True if self._enough(done, size) else None if self._enough(done + counts.remaining, size) else False

    def _enough(self, done: int, size: int) -> bool:
        # Divided, because 0.07 * 100 is a little more than 7.
        return not size or done / size >= self.min_rate

    def describe(self) -> Any:
        return {"type": self.type, "min_rate": self.min_rate}


class CriticalGroupPolicy(GroupExecutionPolicy):
    """The named members must succeed; the others may fail.

    Args:
        critical_task_ids: ids of members.

    Raises:
        DefinitionError: it is one text, not a list of ids.
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
            self._fail(group_id, f"critical members did not succeed: {reasons(failed, results)}", results, failed)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        if any(name in results and not results[name].success for name in self.critical_task_ids):
            return False
        return True if all(name in results for name in self.critical_task_ids) else None

    def check(self, group_id: str, members: Sequence[str]) -> None:
        unknown = [name for name in self.critical_task_ids if name not in members]
        if unknown:
            raise DefinitionError(
                f"group {group_id!r} has no member {names_of(unknown)} that its critical policy names",
                hint=f"Its members: {names_of(list(members))}",
            )

    def describe(self) -> Any:
        return {"type": self.type, "critical_task_ids": self.critical_task_ids}


class MaxFailuresPolicy(GroupExecutionPolicy):
    """At most so many members may fail: a failure budget.

    Args:
        max_failures: how many, from 0.

    Raises:
        DefinitionError: it is no such number.
    """

    type = "max_failures"
    is_budget = True

    def __init__(self, max_failures: int) -> None:
        if isinstance(max_failures, bool) or not isinstance(max_failures, int) or max_failures < 0:
            raise DefinitionError(f"max_failures: max_failures must be a number of members, not {max_failures!r}")
        self.max_failures = max_failures

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        failed = len(failed_of(results))
        if failed > self.max_failures:
            begun = len(open_of(results))  # of a map that gives up early
            said = f"{failed - begun} of {len(results)} members failed, {self.max_failures} are allowed"
            self._fail(group_id, f"{said}; {begun} had not ended" if begun else said, results)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        failed = len(failed_of(results))
        return False if failed > self.max_failures else True if failed + len(remaining) <= self.max_failures else None

    def decide_by_counts(self, counts: MemberCounts) -> bool | None:
        if counts.failed > self.max_failures:
            return False
        return True if counts.complete and counts.failed + counts.remaining <= self.max_failures else None

    def describe(self) -> Any:
        return {"type": self.type, "max_failures": self.max_failures}


class FirstSuccessPolicy(GroupExecutionPolicy):
    """One member must succeed. In a group that decides early, the first one does, and what still runs is cancelled."""

    type = "first_success"

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        self._validate_group_results(group_id, tasks, results)
        if not succeeded_of(results):
            failed = failed_of(results)
            self._fail(group_id, f"none of its {len(results)} members succeeded: {reasons(failed, results)}", results)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        return True if succeeded_of(results) else None if remaining else False

    def decide_by_counts(self, counts: MemberCounts) -> bool | None:
        return True if counts.succeeded else False if counts.over else None
