"""Blueprints: names, and the file that a workflow says it is from."""

from __future__ import annotations

from typing import Any

import pytest

from durable import DefinitionError, Workflow, task, workflow


@pytest.mark.parametrize("name", ["", "a\nb", "\0", "x" * 501, None, 5])
def test_a_name_that_cannot_be_is_refused(name: Any) -> None:
    """When the workflow is made."""
    with pytest.raises(DefinitionError):
        workflow(name)


def test_it_knows_the_file_that_made_it() -> None:
    """So that a resume finds the code."""
    assert workflow("w").file == __file__


def test_a_version_may_be_a_number() -> None:
    """It is recorded as text: the log's definition has one type for it."""
    assert Workflow("w", version=2).version == "2"  # type: ignore[arg-type]


def test_adding_twice_changes_nothing() -> None:
    """Tasks and edges are sets in order."""

    @task
    def a() -> None: ...

    wf = Workflow("w").add(a).add(a, a)
    assert list(wf.linked) == [a]
