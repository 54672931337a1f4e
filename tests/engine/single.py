"""A workflow of one task, which most tests of what bodies do need no more than."""

from __future__ import annotations

from typing import Any

from durable import Workflow, task, workflow


def single(body: Any, store: Any = None, **settings: Any) -> Workflow:
    """A workflow of one task."""
    with workflow("w", store=store) as wf:
        wf.add(task(**settings)(body))
    return wf
