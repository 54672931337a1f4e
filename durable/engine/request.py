"""What a caller wants of a run, as data: to begin it so, or a change of it and who asks for that."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from durable.definition.blueprint import Blueprint

Asked: TypeAlias = dict[str, str | None]
"""Who asked for a change, and why: ``actor`` and ``reason``."""


class Request(msgspec.Struct):
    """What a caller wants to run.

    Attributes:
        workflow: the workflow; start: the node to start from, or None.
        initial: first values of the channel.
        max_steps: attempts that the run may start, or None.
        deadline: seconds, by the wall clock, that the run may take, or None.
    """

    workflow: Blueprint
    start: str | None
    initial: dict[str, Any]
    max_steps: int | None
    deadline: float | None = None
