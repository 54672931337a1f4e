"""The crash kit: stop a workload with SIGKILL wherever it can be stopped, and prove that it resumes.

    with CrashKit(Workload("pipeline.py", "nightly", {"day": 3})) as kit:
        kit.boundaries().check()  # before and after the commit of every append
        kit.random_kills(50, seed=1).check()  # at random instants, also while resuming

Each drive is a real process, forked from a warm one (about 10 ms) or, with ``fresh=True``, a new
interpreter. It needs no pytest, and a POSIX system.
"""

from __future__ import annotations

from durable.testing.crash.exits import Exit
from durable.testing.crash.kit import CrashKit
from durable.testing.crash.outcome import Outcome
from durable.testing.crash.processes import LiveDrive
from durable.testing.crash.report import Report, Shortfall
from durable.testing.crash.trial import Trial
from durable.testing.crash.witness import Body
from durable.testing.crash.workload import Kill, Send, Workload

__all__ = [
    "Body", "CrashKit", "Exit", "Kill", "LiveDrive", "Outcome", "Report", "Send", "Shortfall", "Trial", "Workload",
]  # fmt: skip
