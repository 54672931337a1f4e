"""Arguments of tasks: what goes to which parameter, and that each attempt and consumer gets a value of its own."""

from __future__ import annotations

from durable import Store, TaskExecutionContext, task, workflow
from tests.engine.one_two_three import one, three, two


def test_results_go_to_the_parameters_of_their_name(store: Store) -> None:
    """A task gets the results of all tasks before it that its parameters name, not only of the last one."""
    with workflow("w", store=store) as wf:
        one >> two >> three
    assert wf.execute() == 3


def test_consumers_do_not_share_values(store: Store) -> None:
    """Each consumer, and the caller, gets a value of its own, decoded from what was recorded."""

    @task
    def make() -> list[int]:
        return [1]

    @task
    def spoils(make: list[int]) -> None:
        make.append(2)

    @task
    def reads(make: list[int]) -> list[int]:
        return make

    with workflow("w", store=store) as wf:
        make >> spoils >> reads
    assert wf.execute() == [1]


def test_bound_arguments_are_fresh_in_each_attempt(store: Store) -> None:
    """A body that changes its bound list does not change what another run or attempt gets."""

    @task
    def fill(into: list[int]) -> list[int]:
        into.append(1)
        return into

    bound = fill(into=[])
    with workflow("w", store=store) as wf:
        wf.add(bound)
    assert [wf.execute(), wf.execute(), bound.bound["into"]] == [[1], [1], []]


def test_parameters_come_from_bound_then_upstream_then_channel_then_default(store: Store) -> None:
    """In this order; an upstream result wins over a channel key of its name."""

    @task
    def show(bound: str, one: int, channel: str, left_out: str = "default") -> list[object]:
        return [bound, one, channel, left_out]

    with workflow("w", store=store) as wf:
        one >> show(bound="bound")
    result = wf.execute(initial={"bound": "no", "one": "no", "channel": "channel"})
    assert result == ["bound", 1, "channel", "default"]


def test_the_idempotency_key_is_the_same_for_every_attempt(store: Store) -> None:
    """``run_id/task_id``, whatever happens."""
    keys: list[tuple[int, str]] = []

    @task(max_retries=1)
    def calls(context: TaskExecutionContext) -> None:
        keys.append((context.attempt, context.idempotency_key))
        if context.attempt == 1:
            raise OSError

    with workflow("w", store=store) as wf:
        wf.add(calls)
    wf.execute(run_id="r")
    assert keys == [(1, "r/calls"), (2, "r/calls")]
