"""What task code sees of its run. A context belongs to one attempt.

What it writes is staged and committed together with the attempt's result, or not at all; steps, loop
cursors, timers, signals and questions are recorded at once. After the attempt every call raises
``AttemptEnded``.
"""

from __future__ import annotations

from durable.context.task_context import TaskExecutionContext
from durable.context.channel import Channel
from durable.context.current import CURRENT, current_context
from durable.context.metadata import Metadata
from durable.context.effects import Effects, Write, check_key

__all__ = [
    "CURRENT", "Channel", "Effects", "Metadata", "TaskExecutionContext", "Write", "check_key", "current_context",
]  # fmt: skip
