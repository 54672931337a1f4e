"""Ctrl-C and SIGTERM under ``asyncio.run``: every run in the loop is interrupted, and can be resumed."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from durable import open_run, open_store
from tests.engine.coroutines import WAIT
from tests.engine.reading import count, fields, trail

pytestmark = pytest.mark.usefixtures("nothing_is_left")


SIGNALLED = textwrap.dedent("""
    import asyncio, os, signal, sys
    from durable import parallel, task, workflow

    @task
    async def first() -> str:
        return "first"

    @task
    async def waits(n: int, seconds: float) -> int:
        if not os.path.exists("go"):
            open(f"begun{n}", "w").close()
            await asyncio.sleep(seconds)
        return n

    def flow(name):
        seconds = 0.5 if name == "a" else 1.0  # a has stopped, and asyncio.run cancels, while b is still stopping
        with workflow(name, store="runs.db") as wf:
            first >> parallel([waits(task_id=f"w{n}", n=n, seconds=seconds) for n in range(2)], name="g")
        return wf

    async def main():
        async with asyncio.TaskGroup() as group:
            for name in sys.argv[1:]:
                group.create_task(flow(name).aexecute(run_id=name))

    asyncio.run(main())
""")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
def test_a_signal_under_asyncio_run_interrupts_every_run(
    tmp_path: Path, number: int, code: int, names: list[str]
) -> None:
    """Gracefully: what ends in time is recorded; none is cancelled, KeyboardInterrupt leaves, all can be resumed."""
    (tmp_path / "script.py").write_text(SIGNALLED)
    command = [sys.executable, "-W", "error", "script.py", *names]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + WAIT
    while not (tmp_path / "begun1").exists() or not (tmp_path / "begun0").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(number)
    _, said = process.communicate(timeout=WAIT)
    assert process.returncode == code, said
    assert ("KeyboardInterrupt" in said) == (number == signal.SIGINT)
    for word in ("was destroyed", "never awaited", *(["never retrieved"] if number == signal.SIGINT else [])):
        assert word not in said  # a SystemExit leaves a task group in asyncio's own, noisy way
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:
        for name in names:
            run = open_run(name, store=store)
            assert run.status == "interrupted"
            assert fields(run, "RunInterrupted") == {"reason": signal.Signals(number).name}
            assert count(run, "TaskSucceeded", "first") == 1
            assert trail(run, "TaskFailed", "TaskCancelled", "RunCancelled") == []
    (tmp_path / "go").touch()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT)
    assert again.returncode == 0, again.stderr
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:
        assert all(open_run(name, store=store).result() == {"w0": 0, "w1": 1} for name in names)
