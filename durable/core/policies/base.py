"""The contract of policies: the verdict over a group's recorded TaskResults.

A policy judges data that is already in the log; it starts nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from durable.core.policies.counts import MemberCounts, MemberResults
from durable.core.results import TaskResult
from durable.errors import ParallelGroupError

Results = Mapping[str, TaskResult]

NAMED = 1000
"""Failed members of a map that an error names with their messages; it counts all of them."""


class GroupExecutionPolicy(ABC):
    """The rule by which a group succeeds or fails. Derive from it for a rule of your own."""

    type: str = ""
    fail_fast: bool = False
    is_budget: bool = False
    """Whether a map stops starting members as soon as this policy cannot pass any more."""

    takes_part: bool = False
    """Whether a map may pass although its time was over before its items were read to the end."""

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

    def decide_by_counts(self, counts: MemberCounts) -> bool | None:
        """Say early what the verdict on a map will be, from numbers alone.

        Args:
            counts: how its members stand; more may come unless it is complete.

        Returns:
            True or False when it is certain, None when it is open, or cannot be told from numbers:
            then ``decide`` is asked once the map is complete.
        """
        return None

    def check(self, group_id: str, members: Sequence[str]) -> None:  # noqa: B027 - most policies fit any group
        """Refuse parameters that cannot fit the group. Raises ``DefinitionError``.

        Args:
            group_id: the group.
            members: ids of its members.
        """

    def describe(self) -> Any:
        """Return what the log records: a name, or a dict with ``type`` and the parameters."""
        return self.type

    def _validate_group_results(self, group_id: str, tasks: Sequence[Any], results: Results) -> None:
        """Refuse to judge results that do not cover the members.

        Raises:
            ParallelGroupError: a member has no result.
        """
        if isinstance(results, MemberResults):
            return  # made of the members themselves
        missing = [name for name in map(id_of, tasks) if name not in results]
        if missing:
            raise ParallelGroupError(
                f"group {group_id!r} has no result of {names_of(missing)}",
                group_id=group_id,
                failed_tasks=[(name, "no result") for name in missing],
                successful_tasks=succeeded_of(results),
            )

    def _fail(self, group_id: str, why: str, results: Results, failed: Iterable[str] | None = None) -> None:
        names = failed_of(results) if failed is None else list(failed)
        if isinstance(results, MemberResults):
            names = names[:NAMED]
        raise ParallelGroupError(
            f"group {group_id!r} failed: {why}",
            group_id=group_id,
            failed_tasks=[(name, message_of(results, name)) for name in names],
            successful_tasks=succeeded_of(results),
        )


def id_of(task: Any) -> str:
    return task if isinstance(task, str) else str(getattr(task, "task_id", None) or getattr(task, "id", task))


def failed_of(results: Results) -> Sequence[str]:
    if isinstance(results, MemberResults):
        return results.failed
    return [name for name, result in results.items() if not result.success]


def succeeded_of(results: Results) -> Sequence[str]:
    if isinstance(results, MemberResults):
        return results.succeeded
    return [name for name, result in results.items() if result.success]


def open_of(results: Results) -> Sequence[str]:
    """Members of a map that have not ended although it is judged; they are among those that failed."""
    return results.remaining if isinstance(results, MemberResults) else ()


def message_of(results: Results, name: str) -> str:
    result = results.get(name)
    return (result.error_message or result.status) if result else "no result"


def reasons(names: Sequence[str], results: Results) -> str:
    """Some members with the reason of each; the whole list stands in the error's ``failed_tasks``."""
    some = ", ".join(f"{name!r} ({message_of(results, name)})" for name in names[:3])
    return some + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def names_of(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
