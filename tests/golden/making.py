"""Makes one run of a golden store, in a process of its own: some runs kill theirs. Started by write.py."""

from __future__ import annotations

import sys
from importlib import import_module

from durable import open_store
from durable.testing import FakeClock
from durable.testing.clock import START

DAY = 86_400_000_000


def make(program: str, run: str, url: str, day: int, table: str) -> None:
    """Make a run.

    Args:
        program: a module of ``programs``; run: a key of its table; url: the store.
        day: how many days after the fake clock's begin it happens.
        table: ``RUNS``, or ``AGAIN`` for what is done in a second process.
    """
    module = import_module(f"tests.golden.programs.{program}")
    with open_store(url, clock=FakeClock(START + day * DAY)) as store:
        getattr(module, table)[run](store)


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
