"""Commands in this process and in real ones, over small workflow files."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from durable.cli import main

FLOW = """
    import os, signal
    from durable import parallel, task, workflow

    @task
    def extract():
        print("extracting")
        with open("bodies.txt", "a") as file:
            file.write("extract\\n")
        return {"rows": 3}

    @task
    def transform(extract, factor=1):
        if os.path.exists("stop"):
            os.remove("stop")
            os.kill(os.getpid(), signal.SIGINT)
        if os.path.exists("fail"):
            raise ValueError("bad row")
        return extract["rows"] * factor

    @task
    def load(transform):
        return {transform}

    with workflow("etl") as wf:
        extract >> transform >> load
"""

GROUP = """
    from durable import parallel, task, workflow

    @task
    def good():
        return 1

    @task
    def bad():
        raise KeyError("gone")

    @task
    def after():
        return "done"

    with workflow("grouped") as wf:
        parallel(good, bad, name="both") >> after
"""


class Process(subprocess.Popen[str]):
    """A process that does not outlive a test that fails."""

    def __exit__(self, *error: Any) -> None:
        """Kill it after an error, and wait for its end."""
        if error[0] is not None:
            self.kill()
        super().__exit__(*error)


class Here:
    """A folder of its own, with workflow files and commands."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    def __call__(self, *words: str, exits: int = 0, input: str | None = None) -> Result:
        """Run a command in this process."""
        result = CliRunner().invoke(main, list(words), input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == exits, f"{words} exited {result.exit_code}\n{result.output}"
        return result

    def json(self, *words: str, exits: int = 0) -> Any:
        """Run a command with --json in this process and return its document."""
        return json.loads(self(*words, "--json", exits=exits).stdout)

    def spawn(self, *words: str, **options: Any) -> Process:
        """Start a command in a process of its own."""
        command = [sys.executable, "-m", "durable", *words]
        return Process(command, cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def real(self, *words: str, exits: int = 0) -> tuple[str, str]:
        """Run a command in a process of its own and return what it printed."""
        with self.spawn(*words) as process:
            out, err = process.communicate(timeout=50)
        assert process.returncode == exits, f"{words} exited {process.returncode}\n{out}\n{err}"
        return out, err

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs, newest first."""
        found: list[dict[str, Any]] = self.json("runs")
        return found

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """Return the events of a run."""
        return [json.loads(line) for line in self("log", run_id, "--json").stdout.splitlines()]

    def types(self, run_id: str) -> list[str]:
        """Return the types of the events of a run."""
        return [event["type"] for event in self.events(run_id)]

    def interrupted(self, *words: str) -> str:
        """Run flow.py so that it is interrupted in ``transform``, and return the run's id."""
        self.write("stop", "")
        self("run", "flow.py", "--grace", "30", *words, exits=130)
        return str(self.runs()[0]["run_id"])


def wait_for(what: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until something is true and return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")
