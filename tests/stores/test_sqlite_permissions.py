"""Files and folders that may not be written to: reading works, and what cannot be made says so."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from durable.core.events import Event
from durable.errors import StoreNotFound
from durable_sqlite import open_store
from tests.stores.sqlite_files import fill, path_of

Starter = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="durable-test-") as name:
        yield Path(name)


READER = """
os.setgid(65534); os.setuid(65534)
from durable.errors import StoreReadOnly
store = open_store(URL)
say(len(list(verified("run", store.read("run"), store.digests("run")))), store.run("run").shown_status)
for write in (lambda: store.acquire("run", "me"), lambda: store.drop_checkpoints("run"),
              lambda: store.append("run", [Event(51, 1, "TaskStarted")], 50, 1)):
    try:
        write()
    except StoreReadOnly as error:
        say("read-only:", error.hint)
say(len(list(store.read("run"))))
sys.stdin.readline()
say(len(list(store.read("run"))))
store.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody without permissions")
@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o777, 0o644), (0o755, 0o666)])
def test_what_may_not_be_written_can_still_be_read(start: Starter, shared: Path, folder: int, file: int) -> None:
    """Without permission to write the file or its folder, reading works, and sees what others add."""
    url = f"sqlite:///{shared}/runs.db"
    fill(url)
    path_of(url).chmod(file)
    shared.chmod(folder)
    child = start(READER, url)
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == "50 interrupted\n"
    said = [child.stdout.readline() for _ in range(3)]
    assert all(line.startswith("read-only: Make the file") for line in said), said
    assert child.stdout.readline() == "50\n"
    with open_store(url) as store:
        lease = store.acquire("run", "me")
        store.append("run", [Event(51, 1, "TaskStarted", "t", 1)], 50, lease.token)
    child.stdin.write("go\n")
    child.stdin.flush()
    assert child.stdout.readline() == "51\n"
    assert child.wait() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody without permissions")
def test_a_store_that_cannot_be_made_says_so(start: Starter, url: str) -> None:
    """In a folder that may not be written to, opening a store that is not there is a clear error."""
    code = """
from durable.errors import StoreError, StoreNotFound
os.setgid(65534); os.setuid(65534)
for url in (URL, "sqlite:////proc/durable/runs.db", "sqlite:////proc/durable.db", "sqlite:////tmp"):
    try:
        open_store(url)
    except StoreError as error:
        say(type(error).__name__, bool(error.hint))
"""
    child = start(code, "sqlite:////root/durable-no-such/runs.db")
    said, _ = child.communicate(timeout=50)
    assert [line.split()[1] for line in said.splitlines()] == ["True"] * 4, said
    assert StoreNotFound.__name__ in said
