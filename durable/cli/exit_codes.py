"""Exit codes: what each means, and which error leads to which. It must not print."""

from __future__ import annotations

import signal

OK = 0
FAILED = 1
USAGE = 2
ERROR = 3
NOTHING = 4
DIVERGED = 5
DRIVEN = 6
SUSPENDED = 7
SIGINT = 128 + signal.SIGINT
SIGTERM = 128 + signal.SIGTERM

MEANINGS = {
    OK: "done; for plan: a resume would continue the run",
    FAILED: "the run failed or was cancelled; for verify: something is damaged",
    USAGE: "wrong usage, or the file does not define a workflow that can run",
    ERROR: "another error: no such store or run, a damaged or busy store, ...",
    NOTHING: "nothing to do: the run has ended (plan, cancel, terminate, signal)",
    DIVERGED: "the code differs from what the run recorded (run, resume, plan)",
    DRIVEN: "another process drives the run now (run, resume, plan)",
    SUSPENDED: "the run waits for an answer, a signal or a timer (run, resume RUN)",
    SIGINT: "interrupted by SIGINT (Ctrl-C); a run can be resumed",
    SIGTERM: "interrupted by SIGTERM; a run can be resumed",
}
"""Every exit code of every command. The epilogue of ``durable --help`` is made of it."""


def table() -> str:
    """Return the exit codes as lines of text."""
    return "\n".join(["Exit codes:", *(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())])


def code_of(error: BaseException) -> int:
    """Return the exit code that an error leads to."""
    from durable import errors

    by_class: tuple[tuple[type[BaseException], int], ...] = (
        (errors.DefinitionError, USAGE),
        (errors.InvalidRunId, USAGE),
        (errors.DivergenceError, DIVERGED),
        (errors.RunAlreadyDriven, DRIVEN),
    )
    return next((code for kind, code in by_class if isinstance(error, kind)), ERROR)
