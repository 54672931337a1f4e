"""Fixtures of the command line's tests."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from durable import open_store
from tests.cli.desk import CallQueue
from tests.cli.place import FLOW, Here
from tests.human.asked import Asked


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """An empty folder as the working directory, without settings from outside."""
    for name in ("DURABLE_STORE", "DURABLE_SIGNING_KEY", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    logger = logging.getLogger("durable")
    level, handlers, path, modules = logger.level, list(logger.handlers), list(sys.path), set(sys.modules)
    yield Here(tmp_path)
    logger.level, logger.handlers, sys.path[:] = level, handlers, path
    for name in sys.modules.keys() - modules:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def flow(here: Here) -> Here:
    """The folder with flow.py: extract >> transform >> load."""
    here.write("flow.py", FLOW)
    return here


@pytest.fixture
def desk(here: Here) -> Iterator[CallQueue]:
    """A run in .durable/runs.db that has begun a task."""
    made = CallQueue(here.path)
    with open_store() as made.store:
        made.run = Asked(made.store, "one")
        yield made
