"""Sending a run what its workload says, each message once, however often it is tried. It drives nothing."""

from __future__ import annotations

from collections.abc import Sequence

from durable.errors import FeedbackRefused
from durable.engine.messages import ANSWER, CANCEL, SIGNAL, TERMINATE, make_message
from durable.values.payloads import encode
from durable.runs.start import Run
from durable.store import Store
from durable.testing.crash.workload import Send


def send_first(store: Store, run_id: str, sends: Sequence[Send]) -> None:
    """Send what is sent at the start, while the run goes on; a message that is there already counts once."""
    for number, send in enumerate(sends):
        if send.when == "start":
            message = make_message(
                _id(number),
                send.kind,
                store.clock.now(),
                name=send.name,
                payload=encode(send.value),
                reason="crash kit",
            )
            store.send(run_id, message)


def send_rest(run: Run, sends: Sequence[Send]) -> bool:
    """Send a suspended run everything that it can take now; False when nothing of it was new."""
    return sum(_sent(run, number, send) for number, send in enumerate(sends) if send.when == "suspended") > 0


def _sent(run: Run, number: int, send: Send) -> bool:
    if send.kind == SIGNAL:
        return run.signal(send.name, send.value, id=_id(number))
    if send.kind == ANSWER:
        try:
            return run.answer(send.name, send.value)
        except FeedbackRefused:
            return False  # not asked yet, or settled
    if send.kind == CANCEL:
        return run.cancel("crash kit")
    if send.kind == TERMINATE:
        return run.terminate(send.value, "crash kit")
    raise ValueError(f"a workload sends signal, answer, cancel or terminate, not {send.kind!r}")


def _id(number: int) -> str:
    return f"crash-kit-{number}"
