"""Recipes: what is scheduled becomes a fragment, and live code again, in this process or in another one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from durable import (
    AtLeastNGroupPolicy,
    DefinitionError,
    GroupExecutionPolicy,
    PayloadError,
    RetryPolicy,
    Task,
    TaskExecutionContext,
    chain,
    parallel,
    task,
)
from durable.core.graph import Definition, Graph
from durable.core.specs import Fragment, TaskSpec
from durable.definition.fragments import decode_fragment, encode_fragment, scheduled_policy, scheduled_task
from durable.definition.scheduling import Scheduling
from durable.values.payloads import decode


@task
def work(n: int = 0, data: Any = None) -> Any:
    """A task that can be imported."""
    return n, data


@task
def other(work: Any = None) -> Any:
    return work


class Strange(GroupExecutionPolicy):
    """A policy that its description does not suffice for."""

    type = "strange"

    def __init__(self, secret: int) -> None:
        self.secret = secret

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        """Succeed."""

    def describe(self) -> Any:
        return "strange"


def scheduled(*items: Any, scheduler: str = "s", used: Collection[str] = ()) -> Fragment:
    """What an attempt schedules, written and read again as by another process."""
    scheduling = Scheduling(scheduler, set(used).__contains__)
    for item in items:
        scheduling.add(item)
    fragment = scheduling.fragment()
    assert fragment is not None
    payload = encode_fragment(fragment)
    return decode_fragment(payload.encoding, payload.data)


def grown(fragment: Fragment) -> Graph:
    graph = Graph(Definition("w", None, (TaskSpec("s"),)))
    graph.grow("s", fragment)
    return graph


def live(fragment: Fragment, name: str, **templates: Task[Any]) -> Task[Any]:
    graph = grown(fragment)
    return scheduled_task(graph, graph.index[name], templates)[0]


def test_ids_begin_with_the_scheduler_and_repeats_are_numbered() -> None:
    """In the order in which they come, past those that the run has already."""
    assert scheduled(work, work(n=1), other).ids == ["s/work", "s/work#2", "s/other"]
    assert scheduled(work, work, used={"s/work", "s/work#2"}).ids == ["s/work#3", "s/work#4"]
    assert scheduled(work, scheduler="s[2]").ids == ["s[2]/work"]


@pytest.mark.parametrize("length", [1, 119, 120, 121, 400, 500])
def test_ids_have_at_most_500_characters_and_differ(length: int) -> None:
    """Schedulers and tasks that differ only at the end included."""
    tasks = [work(task_id="b" * 499 + "1"), work(task_id="b" * 499 + "2"), work]
    schedulers = ["a" * (length - 1) + "x", "a" * (length - 1) + "y"]
    found = [name for scheduler in schedulers for name in scheduled(*tasks, scheduler=scheduler).ids]
    assert len(set(found)) == 6
    assert max(map(len, found)) <= 500


def test_groups_chains_and_edges_are_kept_in_the_order_in_which_they_were_scheduled() -> None:
    """Tasks of all parts first, then groups, as in a definition; short ids go with them."""
    group = parallel(work(task_id="a"), work(task_id="b"), name="g").with_execution(max_concurrent=3, timeout=9)
    fragment = scheduled(group >> other, chain(work(task_id="c"), work(task_id="d")))
    assert fragment.names == ("a", "b", "other", "c", "d", "g")
    assert [spec.id for spec in fragment.tasks] == ["s/a", "s/b", "s/other", "s/c", "s/d"]
    assert [(spec.id, spec.members, spec.limit, spec.timeout) for spec in fragment.groups] == [
        ("s/g", (("s/a",), ("s/b",)), 3, 9.0)
    ]
    assert set(fragment.edges) == {("s/g", "s/other"), ("s/c", "s/d")}


@pytest.mark.parametrize("data", [None, 1, 2.5, "x", [1, {"a": None}], (1, 2), {1, 2}, b"\x00", {1: "int key"}, 2**70])
def test_bound_arguments_come_back_as_they_were(data: Any) -> None:
    """Type by type, and a fresh copy for each attempt."""
    fragment = scheduled(work(n=7, data=data))
    graph = grown(fragment)
    made, bound = scheduled_task(graph, 1, {})
    assert made.bound == {"n": 7, "data": data}
    assert type(made.bound["data"]) is type(data)
    assert bound is not None
    assert decode(bound.encoding, bound.data) == {"n": 7, "data": data}


def test_a_task_that_can_be_imported_is_made_from_its_live_code() -> None:
    """With its settings as they are now; the fragment holds no code of it."""
    fragment = scheduled(work(n=1))
    assert fragment.by_value == ()
    made = live(fragment, "s/work")
    assert made.fn is work.fn
    assert (made.task_id, made.template) == ("s/work", "work")


def test_a_task_without_a_name_is_made_from_its_recorded_code() -> None:
    """With what it closed over, its settings, its parameters and its context."""
    factor = 6

    @task(id="times", retry=RetryPolicy(max_attempts=4), timeout=9, max_cycles=2, deadline=8)
    def times(context: TaskExecutionContext, n: int, /, m: int = 1, *, k: int = 2) -> int:
        return factor * n * m * k

    fragment = scheduled(times(n=7))
    assert fragment.by_value == ("times",)
    made = live(fragment, "s/times")
    assert made.fn is not times.fn
    assert made.fn(None, 7) == 84
    assert made.signature == times.signature
    assert (made.retry, made.timeout, made.max_cycles, made.deadline) == (times.retry, 9, 2, 8)


def test_a_function_that_refers_to_its_own_task_comes_back_with_its_parameters() -> None:
    """It is unpickled as an empty shell first."""

    @task
    def recursive(context: TaskExecutionContext, n: int, m: int = 1) -> Any:
        return recursive(n=n - m)

    made = live(scheduled(recursive(n=3)), "s/recursive")
    assert made.signature == recursive.signature
    inner = made.fn(None, 3)
    assert inner.signature == recursive.signature
    assert inner.bound == {"n": 2}


def test_the_workflows_own_task_of_that_name_comes_first() -> None:
    """If it is the same function; another one that only shares the id does not."""

    def flow(said: str) -> Task[Any]:
        def helper() -> str:
            return said

        return task(helper)

    def unlike() -> str:
        return "unlike"

    fragment = scheduled(flow("old"))
    assert live(fragment, "s/helper", helper=flow("new")).fn() == "new"
    assert live(fragment, "s/helper", helper=task(id="helper")(unlike)).fn() == "old"


def test_two_functions_of_one_id_are_kept_apart() -> None:
    """Closures that were made in a loop."""

    def made(n: int) -> Task[Any]:
        @task(id="same")
        def same() -> int:
            return n

        return same

    fragment = scheduled(made(1), made(2), made(3))
    assert [live(fragment, name).fn() for name in fragment.ids] == [1, 2, 3]


def test_policies_that_are_built_in_are_described_and_others_are_recorded() -> None:
    """With their own parameters."""
    groups = [
        parallel(work(task_id="a"), name="plain"),
        parallel(work(task_id="b"), name="some").with_execution(policy=AtLeastNGroupPolicy(1)),
        parallel(work(task_id="c"), name="odd").with_execution(policy=Strange(42)),
    ]
    fragment = scheduled(*groups)
    assert set(fragment.policies) == {"s/odd"}
    graph = grown(fragment)
    plain, some, odd = (scheduled_policy(graph, graph.index[f"s/{name}"]) for name in ("plain", "some", "odd"))
    assert plain.describe() == "strict"
    assert isinstance(some, AtLeastNGroupPolicy)
    assert isinstance(odd, Strange)
    assert odd.secret == 42


def test_a_policy_that_cannot_judge_the_group_is_refused_when_it_is_scheduled() -> None:
    """And leaves nothing behind."""
    scheduling = Scheduling("s", set[str]().__contains__)
    group = parallel(work, name="g").with_execution(policy=AtLeastNGroupPolicy(5))
    with pytest.raises(DefinitionError):
        scheduling.add(group)
    assert scheduling.fragment() is None


def test_arguments_that_cannot_be_recorded_name_their_task() -> None:
    """And leave nothing behind."""
    scheduling = Scheduling("s", set[str]().__contains__)
    with pytest.raises(PayloadError) as caught:
        scheduling.add(work(data=(item for item in ())))
    assert caught.value.task_id == "work"
    assert scheduling.fragment() is None


def test_a_part_is_what_was_scheduled_since_and_is_given_once() -> None:
    """What an inner loop has carried is not carried again by the loop around it."""
    scheduling = Scheduling("s", set[str]().__contains__)
    scheduling.add(work)
    outer = len(scheduling.open)
    scheduling.add(work)
    inner = len(scheduling.open)
    scheduling.add(work)
    part = scheduling.part(inner)
    assert part is not None
    assert part.ids == ["s/work#3"]
    around = scheduling.part(outer)
    assert around is not None
    assert around.ids == ["s/work#2"]
    assert scheduling.part(outer) is None
    whole = scheduling.fragment()
    assert whole is not None
    assert whole.ids == ["s/work", "s/work#2", "s/work#3"]


def test_what_was_restored_is_not_scheduled_under_the_same_id_again() -> None:
    """An attempt that goes on in the middle of a loop counts on."""
    scheduling = Scheduling("s", set[str]().__contains__)
    scheduling.restore(scheduled(work, work))
    scheduling.add(work)
    whole = scheduling.fragment()
    assert whole is not None
    assert whole.ids == ["s/work", "s/work#2", "s/work#3"]
