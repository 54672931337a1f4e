"""Driving for a command: progress while it lasts, and what a signal leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from durable.cli import exit_codes
from durable.cli.errors import as_document
from durable.cli.progress_display import LINE_SECONDS, shown
from durable.cli.render import coloured, note, print_json
from durable.errors import RunInterrupted
from durable.runs.progress import Watch

if TYPE_CHECKING:
    from durable.store import Store


class Manner(msgspec.Struct, frozen=True):
    """How a command drives and reports.

    Attributes:
        as_json: print one JSON document and nothing else.
        quiet: print nothing but errors.
        grace: seconds that running bodies get after a signal.
        wait: stay for whatever the run waits for instead of suspending it.
        every: seconds between two lines of progress where there is no terminal; 0 for none.
        emit: takes the document about what became of the run.
    """

    as_json: bool = False
    quiet: bool = False
    grace: float = 5.0
    wait: bool = False
    every: float = LINE_SECONDS
    emit: Callable[[dict[str, Any]], Any] = print_json

    @property
    def silent(self) -> bool:
        """Whether facts are not to be printed as text."""
        return self.as_json or self.quiet


class Stopped(Exception):
    """A signal stopped the drive.

    Args:
        code: the exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    @property
    def signal(self) -> str:
        """The signal's name."""
        return "SIGINT" if self.code == exit_codes.SIGINT else "SIGTERM"


@contextmanager
def driving(watch: Watch, manner: Manner) -> Iterator[None]:
    """Show progress while the block imports the user's file and drives the run.

    Raises:
        Stopped: a signal stopped it.
    """
    try:
        with shown(watch, quiet=manner.silent, every=manner.every):
            yield
    except KeyboardInterrupt:
        raise Stopped(exit_codes.SIGINT) from None
    except SystemExit as stop:
        raise Stopped(stop.code if isinstance(stop.code, int) else exit_codes.SIGTERM) from None


def report_stop(watch: Watch, stop: Stopped, manner: Manner, store: Store | None) -> int:
    """Say that a signal stopped the drive and how to go on; return the exit code."""
    from durable.runs.start import Run

    if watch.state is None or store is None:
        said = "interrupted before the run continued; nothing was recorded"
        if manner.as_json:
            manner.emit({"error": as_document(RunInterrupted(said)), "exit_code": stop.code})
        else:
            note(said)
        return stop.code
    run = Run(store, watch.state.run_id)
    command = run.resume_command()
    if manner.as_json:
        error = RunInterrupted(
            f"the run was interrupted by {stop.signal}", run_id=run.run_id, hint=f"Resume with: {command}"
        )
        document = {"run_id": run.run_id, "status": run.status, "error": as_document(error), "resume": command}
        manner.emit(document | {"exit_code": stop.code})
    else:
        note(f"{coloured('interrupted', 'yellow')}; resume with: {command}")
    return stop.code
