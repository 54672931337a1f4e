"""Metadata: durable, changed in place, committed with the result."""

from __future__ import annotations

from typing import Any

import pytest

from durable import Store, TaskExecutionContext, TaskFailed, task, workflow
from tests.engine.reading import count, trail


def test_it_is_a_dict_that_later_tasks_see(store: Store) -> None:
    """Set, changed in place, deleted; unchanged keys are not written again."""

    @task
    def first(context: TaskExecutionContext) -> None:
        context.metadata.update(kept={"n": 1}, changed=[1], gone=1)

    @task
    def second(context: TaskExecutionContext) -> None:
        assert context.metadata["kept"] == {"n": 1}
        context.metadata["changed"].append(2)
        del context.metadata["gone"]

    @task
    def third(context: TaskExecutionContext) -> dict[str, Any]:
        return dict(context.metadata)

    with workflow("w", store=store) as wf:
        first >> second >> third
    run = wf.start()
    assert run.result() == {"changed": [1, 2], "kept": {"n": 1}}
    assert trail(run, "MetadataWritten") == ["MetadataWritten first"] * 3 + ["MetadataWritten second"] * 2


def test_reading_writes_nothing(store: Store) -> None:
    """Looking is not changing; 1 and True are told apart."""

    @task
    def sets(context: TaskExecutionContext) -> None:
        context.metadata["n"] = 1

    @task
    def looks(context: TaskExecutionContext) -> None:
        assert context.metadata.get("n") == 1
        assert len(context.metadata) == 1

    @task
    def flips(context: TaskExecutionContext) -> None:
        context.metadata["n"] = True

    with workflow("w", store=store) as wf:
        sets >> looks >> flips
    assert count(wf.start(), "MetadataWritten") == 2


def test_a_value_that_became_unserialisable_in_place_fails_its_task(store: Store) -> None:
    """Found when the attempt ends, and blamed on it."""

    @task
    def spoils(context: TaskExecutionContext) -> None:
        context.metadata["k"] = []
        context.metadata["k"].append(x for x in ())

    with workflow("w", store=store) as wf:
        wf.add(spoils)
    run = wf.start()
    with pytest.raises(TaskFailed, match="PayloadError"):
        run.result()
    assert count(run, "MetadataWritten") == 0


def test_a_missing_key_is_a_key_error(store: Store) -> None:
    """As in any dict."""

    @task
    def looks(context: TaskExecutionContext) -> list[str]:
        found = []
        for act in (lambda: context.metadata["no"], lambda: context.metadata.pop("no")):
            try:
                act()
            except KeyError as error:
                found.append(str(error))
        return found

    with workflow("w", store=store) as wf:
        wf.add(looks)
    assert wf.execute() == ["'no'", "'no'"]
