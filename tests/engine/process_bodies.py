"""Tasks for groups of worker processes: module-level, so that they are sent by name."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from durable import task, workflow


@task
def pid() -> int:
    return os.getpid()


@task
def echo(value: Any) -> Any:
    return value


@task
def dies(folder: str, times: int, how: str = "kill") -> int:
    """End its process so many times, then return how often it was begun."""
    begun = count_of(folder)
    if begun <= times:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(9)
    return begun


def count_of(folder: str) -> int:
    """Count a call of the body that asks."""
    file = Path(folder) / "begun"
    with file.open("a") as opened:
        opened.write("x")
    return file.stat().st_size


@task
def hangs(folder: str, name: str) -> None:
    (Path(folder) / name).write_text(str(os.getpid()))
    time.sleep(600)


@task
def naps(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@task
def runs_another(url: str) -> int:
    with workflow("inner", store=url) as wf:
        wf.add(echo(value=5))
    return int(wf.execute())


class Loud(Exception):
    """Cannot be made from what pickle keeps of it."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


class Mute(Exception):
    """Refuses to be pickled at all."""

    def __reduce__(self) -> Any:
        raise TypeError("no")


class Silent(Exception):
    """Cannot say what it is without its own ``__init__``."""

    def __init__(self, *, one: int, two: int) -> None:
        self.one, self.two = one, two

    def __str__(self) -> str:
        return f"{self.one} and {self.two}"


@task
def raises(kind: str) -> None:
    if kind == "exit":
        sys.exit(3)
    try:
        raise KeyError("the cause")
    except KeyError as cause:
        error = {
            "plain": ValueError("broke"),
            "loud": Loud(1, 2),
            "mute": Mute("broke"),
            "silent": Silent(one=1, two=2),
        }[kind]
        raise error from cause


@task
def unstorable() -> Any:
    return (n for n in range(3))


@task
async def on_the_loop() -> int:
    return os.getpid()


def positional(a: int, b: int = 2, /, *, c: int = 3) -> list[int]:
    return [a, b, c]


by_position = task("by_position")(positional)
