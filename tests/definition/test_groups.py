"""ParallelGroup: what it is made of, how it is named, and settings that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from durable import CoordinationBackend, DefinitionError, ParallelGroup, parallel, task, workflow
from durable.definition.compile import Compiled


@task
def a() -> None: ...


@task
def b() -> None: ...


def test_members_may_come_as_one_list() -> None:
    """Or as arguments, or as an iterator."""
    for made in (ParallelGroup(a, b), ParallelGroup([a, b]), parallel(iter([a, b])), parallel(a, [b])):
        assert [line[-1] for line in made.members] == [a, b]


@pytest.mark.parametrize("members", [(), ([],), (iter([]),)])
def test_an_empty_group_is_refused(members: tuple[Any, ...]) -> None:
    """With its name, before anything runs. (Inside a body an empty group may be scheduled.)"""
    with workflow("w") as wf:
        parallel(*members, name="g")
    with pytest.raises(DefinitionError, match="the group 'g' is empty"):
        Compiled(wf)


@pytest.mark.parametrize("member", ["ab", 5, a.fn, {"a": 1}])
def test_what_cannot_be_a_member_is_refused(member: Any) -> None:
    """Texts are not lists of tasks."""
    with pytest.raises(DefinitionError, match="cannot stand in a workflow"):
        parallel(member)


def test_ids_are_made_of_the_members() -> None:
    """Short ones whole; long ones by the first and the last; a single member's id is not taken from it."""
    assert (a | b).task_id == "a|b"
    assert parallel(a).task_id == "parallel(a)"
    many = parallel([a(task_id=f"member number {n}") for n in range(30)])
    assert many.task_id == "member number 0|…|member number 29 (30)"
    assert parallel(a, name="mine").id == "mine"


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout": -1},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"max_concurrent": 0},
        {"max_concurrent": -1},
        {"max_concurrent": 1.5},
        {"max_concurrent": True},
        {"backend": "no_such_backend"},
        {"backend": 5},
        {"backend_config": {"max_workers": 0}},
        {"backend_config": {"colour": "red"}},
        {"policy": "nonsense"},
        {"policy": "strict", "handler": "strict"},
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(settings: dict[str, Any]) -> None:
    """A DefinitionError when they are written."""
    with pytest.raises(DefinitionError):
        (a | b).with_execution(**settings)


def test_with_execution_changes_the_group_and_returns_it() -> None:
    """Later calls change only what they name; ``handler`` is another name for ``policy``."""
    made = a | b
    assert made.with_execution(backend=CoordinationBackend.DIRECT, timeout=5, fail_fast=True) is made
    made.with_execution(handler="best_effort", backend_config={"max_workers": 3})
    assert (made.backend, made.timeout, made.fail_fast, made.limit) == (CoordinationBackend.DIRECT, 5.0, True, 3)
    assert made.policy.describe() == "best_effort"
    assert made.with_execution(backend="Threading").backend is CoordinationBackend.THREADING


@pytest.mark.parametrize("callback", [a.fn, "a", 5, a >> b])
def test_a_callback_is_one_task(callback: Any) -> None:
    """Anything else is refused when it is written."""
    with pytest.raises(DefinitionError):
        ParallelGroup(a, callback=callback)


def test_a_member_twice_or_in_two_groups_is_refused_before_anything_runs() -> None:
    """With what to do."""
    for build in (lambda: parallel(a, a, name="g"), lambda: (parallel(a, name="g"), parallel(a, name="h"))):
        with workflow("w", store="memory://") as wf:
            build()
        with pytest.raises(DefinitionError, match=r"'a' stands twice in groups.*second instance"):
            wf.execute()
