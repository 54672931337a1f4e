"""Small tasks for the tests of coroutines, and a look at what is left in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from durable import CoordinationBackend, task

WAIT = 20.0
ASYNCIO = CoordinationBackend.ASYNCIO


@asynccontextmanager
async def no_task_left() -> AsyncIterator[None]:
    """The block leaves no task in the loop."""
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() == before


@task
async def hello() -> str:
    await asyncio.sleep(0)
    return "hello"


@task
def shout(hello: str) -> str:
    return hello.upper()
