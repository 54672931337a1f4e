"""What policies say of a map from numbers alone: the same as over the results, for as long as more may come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable.core.policies import (
    AtLeastNGroupPolicy,
    BestEffortGroupPolicy,
    FirstSuccessPolicy,
    GroupExecutionPolicy,
    MaxFailuresPolicy,
    MinSuccessRatePolicy,
    StrictGroupPolicy,
)
from durable.core.policies.counts import MemberCounts
from durable.core.results import TaskResult
from durable.errors import ParallelGroupError

POLICIES = st.one_of(
    st.just(StrictGroupPolicy()),
    st.just(BestEffortGroupPolicy()),
    st.just(FirstSuccessPolicy()),
    st.integers(0, 8).map(AtLeastNGroupPolicy),
    st.integers(0, 8).map(MaxFailuresPolicy),
    st.sampled_from([0, 0.1, 0.5, 0.66, 0.9, 1]).map(MinSuccessRatePolicy),
)
NUMBERS = st.integers(0, 5)


def results_of(succeeded: int, failed: int) -> dict[str, TaskResult]:
    found = {f"s{n}": TaskResult(f"s{n}", True) for n in range(succeeded)}
    return found | {f"f{n}": TaskResult(f"f{n}", False, "no") for n in range(failed)}


def verdict(policy: GroupExecutionPolicy, succeeded: int, failed: int) -> bool:
    """What the policy says in the end."""
    results = results_of(succeeded, failed)
    try:
        policy.on_group_finished("m", list(results), results, None)
    except ParallelGroupError:
        return False
    return True


@settings(max_examples=400, deadline=None)
@given(POLICIES, NUMBERS, NUMBERS, NUMBERS)
def test_of_a_complete_map_numbers_say_what_results_say(
    policy: GroupExecutionPolicy, succeeded: int, failed: int, remaining: int
) -> None:
    """Never less than over the results, and never something else."""
    said = policy.decide_by_counts(MemberCounts(succeeded, failed, remaining, complete=True))
    assert said == policy.decide(results_of(succeeded, failed), [f"r{n}" for n in range(remaining)])


@settings(max_examples=400, deadline=None)
@given(POLICIES, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.booleans())
def test_what_numbers_say_early_is_what_the_verdict_is(
    policy: GroupExecutionPolicy, succeeded: int, failed: int, remaining: int, good: int, bad: int, complete: bool
) -> None:
    """Whatever the remaining members do, and whatever comes while more may come."""
    said = policy.decide_by_counts(MemberCounts(succeeded, failed, remaining, complete))
    if complete:
        good, bad = min(good, remaining), 0
        bad = remaining - good
    elif good + bad < remaining:
        bad = remaining - good
    if said is not None:
        assert verdict(policy, succeeded + good, failed + bad) == said


@pytest.mark.parametrize(
    ("policy", "counts", "said"),
    [
        (StrictGroupPolicy(), (5, 1, 3, False), False),
        (MaxFailuresPolicy(1), (0, 2, 0, False), False),
        (MaxFailuresPolicy(1), (0, 1, 0, False), None),
        (MaxFailuresPolicy(1), (9, 0, 1, True), True),
        (AtLeastNGroupPolicy(2), (2, 9, 0, False), True),
        (AtLeastNGroupPolicy(2), (1, 9, 0, False), None),
        (AtLeastNGroupPolicy(2), (1, 9, 0, True), False),
        (MinSuccessRatePolicy(0.5), (0, 9, 0, False), None),
        (FirstSuccessPolicy(), (1, 9, 3, False), True),
        (FirstSuccessPolicy(), (0, 9, 0, False), None),
        (FirstSuccessPolicy(), (0, 9, 0, True), False),
    ],
)
def test_what_is_certain_is_said(policy: Any, counts: tuple[int, int, int, bool], said: bool | None) -> None:
    """So that a map does not go on for nothing."""
    assert policy.decide_by_counts(MemberCounts(*counts)) is said
