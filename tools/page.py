"""What a page of the docs does besides its Python code: write files and run commands.

``tools.check_docs`` turns a page into a script whose first line loads this file by its path, in a
process that does not see the tree. It must therefore import nothing but the standard library.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class Page:
    """The actions of one page; all do nothing when the script is imported instead of run.

    Args:
        name: the script's ``__name__``.
    """

    def __init__(self, name: str) -> None:
        self._running = name == "__main__"

    def write(self, path: str, text: str) -> None:
        """Write a file below the current folder."""
        if self._running:
            target = Path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def command(self, line: str, expected: int) -> None:
        """Run a shell command and stop the page unless it exits as expected."""
        if not self._running:
            return
        print(f"$ {line}", flush=True)
        code = subprocess.run(["bash", "-c", line], stdin=subprocess.DEVNULL, check=False).returncode
        code = code if code >= 0 else 128 - code
        if code != expected:
            sys.exit(f"this command exited {code}, not {expected}: {line}")
