"""Trial: one run that is driven by one process after another, and looked at after each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from durable.core.events import Event
from durable.core.plan import Plan
from durable.core.replay import dump
from durable.core.state import RunState
from durable.engine.load import load
from durable.errors import DurableError
from durable.runs.start import Run
from durable.testing.crash.evidence import Evidence
from durable.testing.crash.exits import Exit
from durable.testing.crash.laws import breaches
from durable.testing.crash.outcome import Outcome, read_outcome
from durable.testing.crash.processes import Launcher, LiveDrive
from durable.testing.crash.sending import send_rest
from durable.testing.crash.stores import open_quickly
from durable.testing.crash.witness import STARTED, Body, read_lines
from durable.testing.crash.workload import Kill, Order

_ROUNDS = 50
"""How often a run may be suspended before it counts as one that does not get on."""
_NEAR = 5.0
"""Seconds: a suspended run is waited for when its timer is due within them."""


class Trial:
    """One run under test. Made by ``CrashKit.trial``.

    Args:
        launcher: makes the processes.
        order: what they are to do, without a kill.
        output: file for what fresh interpreters print.

    Attributes:
        problems: what the checks after each process found, one line each.
        seconds: how long its processes have lived together.
    """

    def __init__(self, launcher: Launcher, order: Order, output: Path) -> None:
        self.problems: list[str] = []
        self.seconds = 0.0
        self._launcher = launcher
        self._order = order
        self._output = output
        self._before: list[Event] = []

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._order.run_id

    @property
    def url(self) -> str:
        """Where its log is."""
        return self._order.url

    def drive(self, kill: Kill | None = None, *, resume: dict[str, Any] | None = None) -> Exit:
        """Drive the run in a new process until that has ended, then check the log.

        Args:
            kill: where the process is killed.
            resume: arguments of ``Run.resume``; None does what the same command does again.
        """
        exit = self._launcher.drive(self._ordered(kill, resume))
        if exit.hung:
            self.problems.append(f"the process hung: killed after {exit.seconds:.0f} s")
        self.seconds += exit.seconds
        self.check()
        return exit

    def drive_on(self, kill: Kill | None = None) -> Exit:
        """Drive the run until a process was killed or nothing can be done any more.

        Between the processes the run is sent what its workload says, and its timers are waited for.

        Args:
            kill: where a process is killed; an instant is counted over all of them.
        """
        for _ in range(_ROUNDS):
            exit = self.drive(kill)
            if exit.status != "suspended" or not self._goes_on():
                return exit
            if kill is not None and kill.when == "at":
                kill = Kill.at(max(kill.seconds - exit.seconds, 0.0))
        self.problems.append(f"the run was suspended {_ROUNDS} times")
        return exit

    def _goes_on(self) -> bool:
        """Send a suspended run what is due; False when nothing lets it go on."""
        with open_quickly(self.url) as store:
            run = Run(store, self.run_id)
            if send_rest(run, self._order.workload.sends) or run.info.messages:
                return True
            due = run.info.due
            left = (due - store.clock.now()) / 1e6 if due is not None else _NEAR
        if left >= _NEAR:
            return False
        time.sleep(max(left, 0.0))
        return True

    def spawn(self, kill: Kill | None = None, *, resume: dict[str, Any] | None = None) -> LiveDrive:
        """Drive the run in a fresh interpreter, and return at once. Call ``check`` after it.

        Args:
            kill: where the process is killed; None for nowhere.
            resume: options of the resume, when the run is resumed.
        """
        return LiveDrive(self._ordered(kill, resume), self._output)

    def check(self) -> list[str]:
        """Read the log as it is now, hold it to every law, and return all problems so far."""
        try:
            self._check()
        except DurableError as error:
            self.problems.append(f"the log cannot be read: {type(error).__name__}: {error}")
        return self.problems

    def bodies(self) -> list[Body]:
        """Return the task bodies that have started, in order, in whichever process."""
        lines = read_lines(self._order.witness, self.run_id)
        return [Body(line.task_id, line.number, line.pid) for line in lines if line.what == STARTED]

    def events(self) -> list[Event]:
        """Return the log."""
        with open_quickly(self.url) as store:
            return list(store.read(self.run_id))

    def appends(self) -> list[int]:
        """Return the last sequence number of each append."""
        with open_quickly(self.url) as store:
            return [seq for seq, _ in store.digests(self.run_id)]

    def state(self) -> RunState:
        """Return the folded state."""
        with open_quickly(self.url) as store:
            return load(store, self.run_id)

    def plan(self) -> Plan:
        """Say what a resume would do."""
        with open_quickly(self.url) as store:
            return Run(store, self.run_id).plan()

    def outcome(self) -> Outcome:
        """Return what the run came to so far."""
        with open_quickly(self.url) as store:
            return read_outcome(store, load(store, self.run_id))

    def _ordered(self, kill: Kill | None, resume: dict[str, Any] | None) -> Order:
        return msgspec.structs.replace(self._order, kill=kill, resume=resume)

    def _check(self) -> None:
        with open_quickly(self.url) as store:
            events = list(store.read(self.run_id))
            appends = [seq for seq, _ in store.digests(self.run_id)]
            lines = read_lines(self._order.witness, self.run_id)
            inbox = [message.id for message in store.inbox(self.run_id)]
            self.problems += breaches(Evidence(events, appends, lines, self._before, inbox))
            self._before = events
            if not events:
                return
            whole = load(store, self.run_id, use_checkpoints=False)  # verifies the digests, folds everything
            if dump(whole) != dump(load(store, self.run_id)):
                self.problems.append("checkpoint and later events lead to another state than the whole log")
