"""Who runs a group that is run on its own, without a workflow: ``group.run()``.

Definitions do not know what runs them. The package's root (``durable/__init__.py``), which knows both, puts it here.
It is imported with the first public name: it must not import anything else.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know the name
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from durable.core.results import TaskResult
    from durable.definition.expressions import ParallelGroup


run_group: Callable[[ParallelGroup, Mapping[str, Any]], dict[str, TaskResult]]
"""Runs a group with options as for ``Workflow.start``, and returns each member's result by id."""
