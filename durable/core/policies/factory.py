"""From what users write, or what a log recorded, to a policy; and ``AllOf``, which is made of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from durable.core.policies.base import GroupExecutionPolicy, Results
from durable.core.policies.counts import MemberCounts
from durable.core.policies.rules import (
    AtLeastNGroupPolicy,
    BestEffortGroupPolicy,
    CriticalGroupPolicy,
    FirstSuccessPolicy,
    MaxFailuresPolicy,
    MinSuccessRatePolicy,
    StrictGroupPolicy,
)
from durable.errors import DefinitionError


class AllOf(GroupExecutionPolicy):
    """Every one of the policies must pass; the first that does not gives the reason.

    Args:
        *policies: policies, names or descriptions.

    Raises:
        DefinitionError: there is none, or one of them is no policy.
    """

    type = "all_of"

    def __init__(self, *policies: Any) -> None:
        if not policies:
            raise DefinitionError("all_of: name at least one policy")
        self.policies = [make_policy(policy) for policy in policies]
        self.fail_fast = any(policy.fail_fast for policy in self.policies)
        self.is_budget = any(policy.is_budget for policy in self.policies)

    def on_group_finished(self, group_id: str, tasks: Sequence[Any], results: Results, context: Any) -> None:
        for policy in self.policies:
            policy.on_group_finished(group_id, tasks, results, context)

    def decide(self, results: Results, remaining: Sequence[str]) -> bool | None:
        said = [policy.decide(results, remaining) for policy in self.policies]
        return False if False in said else True if all(said) else None

    def decide_by_counts(self, counts: MemberCounts) -> bool | None:
        said = [policy.decide_by_counts(counts) for policy in self.policies]
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

    def decide_by_counts(self, counts: MemberCounts) -> bool | None:
        decide = getattr(self.policy, "decide_by_counts", None)
        said: bool | None = decide(counts) if decide else None
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
        FirstSuccessPolicy,
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
