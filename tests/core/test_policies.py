"""Policies: the verdicts, the early ones, and what cannot be a policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from durable.core.policies import (
    AllOf,
    AtLeastNGroupPolicy,
    BestEffortGroupPolicy,
    CriticalGroupPolicy,
    GroupExecutionPolicy,
    MaxFailuresPolicy,
    MinSuccessRatePolicy,
    StrictGroupPolicy,
    is_built_in,
    make_policy,
)
from durable.core.results import TaskResult
from durable.errors import DefinitionError, ParallelGroupError

IDS = ("a", "b", "c", "d", "e")


def results(outcomes: Sequence[bool]) -> dict[str, TaskResult]:
    return {name: TaskResult(name, ok, None if ok else "broke") for name, ok in zip(IDS, outcomes, strict=False)}


def passes(policy: GroupExecutionPolicy, outcomes: Sequence[bool]) -> bool:
    try:
        policy.on_group_finished("g", IDS[: len(outcomes)], results(outcomes), None)
    except ParallelGroupError:
        return False
    return True


SIMPLE = st.one_of(
    st.builds(StrictGroupPolicy, st.booleans()),
    st.builds(BestEffortGroupPolicy),
    st.builds(AtLeastNGroupPolicy, st.integers(0, 6)),
    st.builds(MinSuccessRatePolicy, st.floats(0, 1) | st.sampled_from([0.2, 0.4, 0.6, 1 / 3])),
    st.builds(CriticalGroupPolicy, st.lists(st.sampled_from(IDS[:3]), unique=True)),
    st.builds(MaxFailuresPolicy, st.integers(0, 6)),
)
POLICIES = st.one_of(SIMPLE, st.lists(SIMPLE, min_size=1, max_size=3).map(lambda inner: AllOf(*inner)))
OUTCOMES = st.lists(st.booleans(), min_size=3, max_size=5)


@given(POLICIES, OUTCOMES, st.integers(0, 5))
def test_an_early_verdict_is_never_contradicted(policy: GroupExecutionPolicy, outcomes: list[bool], known: int) -> None:
    """What ``decide`` is certain of, ``on_group_finished`` says too, however the remaining members end."""
    said = policy.decide(results(outcomes[:known]), IDS[known : len(outcomes)])
    if said is not None:
        assert passes(policy, outcomes) is said


@given(POLICIES, OUTCOMES, st.integers(0, 4))
def test_more_successes_never_turn_a_pass_into_a_failure(
    policy: GroupExecutionPolicy, outcomes: list[bool], place: int
) -> None:
    """All built-in policies are monotonic."""
    assume(place < len(outcomes))
    better = [*outcomes[:place], True, *outcomes[place + 1 :]]
    assert passes(policy, better) or not passes(policy, outcomes)


@given(OUTCOMES)
def test_best_effort_never_fails_and_strict_fails_with_any_failure(outcomes: list[bool]) -> None:
    """The two ends of the scale."""
    assert passes(BestEffortGroupPolicy(), outcomes)
    assert passes(StrictGroupPolicy(), outcomes) is all(outcomes)


@given(OUTCOMES, st.integers(0, 5))
def test_at_least_n_and_max_failures_count(outcomes: list[bool], number: int) -> None:
    """They are what their names say."""
    assert passes(AtLeastNGroupPolicy(number), outcomes) is (sum(outcomes) >= number)
    assert passes(MaxFailuresPolicy(number), outcomes) is (outcomes.count(False) <= number)


@given(st.lists(SIMPLE, min_size=1, max_size=4), OUTCOMES)
def test_all_of_is_the_conjunction(policies: list[GroupExecutionPolicy], outcomes: list[bool]) -> None:
    """It passes when every one of its policies passes."""
    assert passes(AllOf(*policies), outcomes) is all(passes(policy, outcomes) for policy in policies)


@given(st.integers(1, 300), st.data())
def test_a_rate_is_exact(size: int, data: st.DataObject) -> None:
    """k of n members reach the rate k/n, as written with decimals too: no rounding decides a verdict."""
    done = data.draw(st.integers(0, size))
    outcomes = {str(n): TaskResult(str(n), n < done) for n in range(size)}
    for rate in {done / size, float(f"{done / size:.15g}")}:
        if rate <= done / size:
            MinSuccessRatePolicy(rate).on_group_finished("g", list(outcomes), outcomes, None)


def test_seven_percent_of_a_hundred_are_seven() -> None:
    """0.07 * 100 is 7.000000000000001 in floating point."""
    outcomes = {str(n): TaskResult(str(n), n < 7) for n in range(100)}
    MinSuccessRatePolicy(0.07).on_group_finished("g", list(outcomes), outcomes, None)
    assert MinSuccessRatePolicy(0.07).decide({name: outcomes[name] for name in list(outcomes)[:7]}, ["x"] * 93) is True


def test_a_group_without_members_passes_by_rate() -> None:
    """Nothing failed."""
    MinSuccessRatePolicy(1.0).on_group_finished("g", [], {}, None)


def test_a_refusal_names_group_failures_and_successes() -> None:
    """The error carries what a program needs and says it to people."""
    with pytest.raises(ParallelGroupError, match=r"group 'g' failed: 1 of 3 members did not succeed: 'b'") as caught:
        StrictGroupPolicy().on_group_finished("g", IDS[:3], results([True, False, True]), None)
    assert caught.value.group_id == "g"
    assert caught.value.failed_tasks == [("b", "broke")]
    assert caught.value.successful_tasks == ["a", "c"]


def test_critical_names_only_the_critical_failures() -> None:
    """The others may fail."""
    policy = CriticalGroupPolicy(["a"])
    assert passes(policy, [True, False, False])
    with pytest.raises(ParallelGroupError) as caught:
        policy.on_group_finished("g", IDS[:3], results([False, False, True]), None)
    assert caught.value.failed_tasks == [("a", "broke")]


@pytest.mark.parametrize("policy", [StrictGroupPolicy(), BestEffortGroupPolicy(), AtLeastNGroupPolicy(0)])
def test_results_that_miss_a_member_are_not_judged(policy: GroupExecutionPolicy) -> None:
    """Not even by best effort."""
    with pytest.raises(ParallelGroupError, match="no result of 'c'"):
        policy.on_group_finished("g", IDS[:3], results([True, True]), None)


@pytest.mark.parametrize(
    ("written", "described"),
    [
        (None, "strict"),
        ("best_effort", "best_effort"),
        ({"type": "strict", "fail_fast": True}, {"type": "strict", "fail_fast": True}),
        ({"type": "at_least_n", "min_success": 2}, {"type": "at_least_n", "min_success": 2}),
        ({"type": "min_success_rate", "min_rate": 0.5}, {"type": "min_success_rate", "min_rate": 0.5}),
        ({"type": "critical", "critical_task_ids": ["a"]}, {"type": "critical", "critical_task_ids": ["a"]}),
        ({"type": "max_failures", "max_failures": 1}, {"type": "max_failures", "max_failures": 1}),
        ({"type": "all_of", "policies": ["strict"]}, {"type": "all_of", "policies": ["strict"]}),
    ],
)
def test_every_built_in_policy_can_be_made_again_from_its_description(written: Any, described: Any) -> None:
    """What the log records is enough."""
    policy = make_policy(written)
    assert policy.describe() == described
    assert is_built_in(described)
    assert make_policy(described).describe() == described


@pytest.mark.parametrize(
    "written",
    [
        "no_such_policy",
        "at_least_n",
        {"min_success": 2},
        {"type": "at_least_n", "min_success": "2"},
        {"type": "at_least_n", "min_success": -1},
        {"type": "at_least_n", "min_success": True},
        {"type": "strict", "colour": "red"},
        {"type": "min_success_rate", "min_rate": 1.5},
        {"type": "min_success_rate", "min_rate": float("nan")},
        {"type": "min_success_rate", "min_rate": "half"},
        {"type": "critical", "critical_task_ids": "a"},
        {"type": "max_failures", "max_failures": -1},
        {"type": "all_of"},
        {"type": "all_of", "policies": ["nonsense"]},
        StrictGroupPolicy,
        5,
        lambda results: True,
    ],
)
def test_what_cannot_be_a_policy_is_refused(written: Any) -> None:
    """With a DefinitionError, when it is written."""
    with pytest.raises(DefinitionError):
        make_policy(written)


def test_parameters_that_cannot_fit_the_group_are_refused() -> None:
    """More successes than members, or a critical member that is not there: also inside ``AllOf``."""
    with pytest.raises(DefinitionError, match="has 2 members; min_success=3 can never be reached"):
        AtLeastNGroupPolicy(3).check("g", ["a", "b"])
    with pytest.raises(DefinitionError, match=r"no member 'x'.*Its members: 'a', 'b'"):
        AllOf("strict", CriticalGroupPolicy(["x"])).check("g", ["a", "b"])


def test_anything_with_on_group_finished_is_a_policy() -> None:
    """It needs no base class; what it lacks it gets."""

    class Mine:
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            raise ParallelGroupError("no", group_id=group_id)

    policy = make_policy(Mine())
    assert not passes(policy, [True, True, True])
    assert policy.decide({}, ["a"]) is None
    assert policy.describe().endswith("Mine")
    policy.check("g", ["a"])


def test_a_subclass_is_not_recorded_as_the_built_in_policy() -> None:
    """Else the log would name a rule that was not applied, and a re-judging would apply it."""

    class Lenient(AtLeastNGroupPolicy):
        pass

    described = Lenient(1).describe()
    assert described["type"].endswith("Lenient")
    assert not is_built_in(described)
    assert not is_built_in(AllOf(Lenient(1)).describe())


def test_fail_fast_of_an_inner_policy_holds_for_all_of() -> None:
    """One impatient policy makes the whole impatient."""
    assert AllOf("best_effort", StrictGroupPolicy(fail_fast=True)).fail_fast
    assert not AllOf("best_effort", "strict").fail_fast
