"""What is driven, and where a drive is killed; as data, because it crosses into other processes."""

from __future__ import annotations

from typing import Any

import msgspec


class Send(msgspec.Struct, frozen=True):
    """A message from outside, sent to the run once.

    Attributes:
        kind: "signal", "answer", "cancel" or "terminate".
        name: the signal, or the id of the question that is answered.
        value: what it carries, of types that JSON has.
        when: "suspended" sends it as soon as the run is suspended (and, an answer, has asked); "start" while the
            run goes on, after its first commit: not for answers.
    """

    kind: str
    name: str = ""
    value: Any = None
    when: str = "suspended"


class Workload(msgspec.Struct, frozen=True):
    """A workflow in a file, with its input and what is sent to it.

    Its result must not depend on time, attempt numbers or chance, because runs of it are compared.

    Attributes:
        file: the Python file that defines it.
        workflow: the workflow's name; None when the file has one.
        initial: first values of the channel, of types that JSON has.
        loose: members of groups may end differently from run to run, as after early verdicts: only the
            run and the verdicts are compared.
        sends: what is sent to the run from outside. A suspended run is driven on for as long as that, or a timer,
            brings it further.
        patience: seconds that bodies and drives wait for messages and timers before they are suspended; None leaves
            it to the engine, 0 suspends at once.
    """

    file: str
    workflow: str | None = None
    initial: dict[str, Any] = {}
    loose: bool = False
    sends: tuple[Send, ...] = ()
    patience: float | None = None


class Kill(msgspec.Struct, frozen=True):
    """Where a drive dies by SIGKILL. Make one with ``before``, ``after`` or ``at``.

    Attributes:
        when: "before" or "after" the commit of an append, or "at" an instant.
        seq: the append is the first that reaches this sequence number.
        seconds: the instant, counted from the start of the process.
    """

    when: str
    seq: int = 0
    seconds: float = 0.0

    @classmethod
    def before(cls, seq: int) -> Kill:
        """Die when the append that contains event ``seq`` is asked for; nothing of it is written."""
        return cls("before", seq)

    @classmethod
    def after(cls, seq: int) -> Kill:
        """Die when the append that contains event ``seq`` was committed; its caller never hears of it."""
        return cls("after", seq)

    @classmethod
    def at(cls, seconds: float) -> Kill:
        """Die so many seconds after the process was started.

        Args:
            seconds: counted from the start of the process.
        """
        return cls("at", seconds=seconds)

    def __repr__(self) -> str:
        argument = f"{self.seconds:.6f}" if self.when == "at" else str(self.seq)
        return f"Kill.{self.when}({argument})"


class Order(msgspec.Struct, frozen=True):
    """What one process is to do: drive a run, and perhaps die.

    Attributes:
        workload, run_id, url: what is driven, and in which store.
        witness: the file in which bodies and appends leave their lines.
        kill: where to die.
        resume: arguments of ``Run.resume``; None starts or resumes the run, like the same command again.
        checkpoint_every: take a checkpoint after so many events; 0 leaves it to the engine.
        lease_seconds: how long leases last; 0 leaves it to the store.
    """

    workload: Workload
    run_id: str
    url: str
    witness: str
    kill: Kill | None = None
    resume: dict[str, Any] | None = None
    checkpoint_every: int = 0
    lease_seconds: float = 0.0


class Said(msgspec.Struct, frozen=True):
    """What a process said at its end, if it came to that.

    Attributes:
        status: the run's status; "" when the drive itself raised.
        result: the result's encoding and bytes, when the run succeeded.
        raised: class of the exception that ``Run.result`` or the drive raised.
        message: its message; traceback: its traceback, for a drive that raised.
    """

    status: str = ""
    result: tuple[str, bytes] | None = None
    raised: str = ""
    message: str = ""
    traceback: str = ""
