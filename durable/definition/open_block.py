"""Which ``with workflow(...)`` block is open here. It must not know what a block does with what it takes in."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any, Protocol


class Block(Protocol):
    """What an open block takes in."""

    def define(self, task: Any) -> None:
        """Take note of a task that was defined inside the block."""
        ...

    def add(self, *items: Any) -> Any:
        """Link tasks, groups or chains."""
        ...

    def forget(self, group: Any) -> None:
        """Take a group out again whose members went into a larger one."""
        ...


OPEN: ContextVar[Block | None] = ContextVar("durable_open_block", default=None)


def open_block() -> Block | None:
    """Return the block that is open here; None inside task bodies."""
    return OPEN.get()


def close_blocks() -> Token[Block | None]:
    """Let no block be open in this context, as in task bodies; undo with ``reopen_blocks``."""
    return OPEN.set(None)


def reopen_blocks(token: Token[Block | None]) -> None:
    """Undo ``close_blocks``."""
    OPEN.reset(token)
