"""Calls for other processes: a body and its arguments as bytes, and what came of it as bytes.

The result is encoded where the body ran, so that live and resumed runs decode the same bytes. It must not
know runs, contexts or executors.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from durable.core.results import ErrorRecord
from durable.errors import DurableError, PayloadError
from durable.values.failures import MAX_CAUSES, cause_of, record_error
from durable.values.payloads import Payload, encode
from durable.values.programs import imported, loading_for_worker

if TYPE_CHECKING:
    from durable.definition.task import Task

_Link: TypeAlias = tuple[bytes | None, bytes | None]
"""An exception and its class, each pickled as far as it can be."""


class Answer(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What came of a call.

    Attributes:
        encoding, data, preview: the encoded result; all None for None, and when the body raised.
        error: what the body raised, as data.
        links: the same as live exceptions, as far as they can be pickled: itself, and its causes.
    """

    encoding: str | None = None
    data: bytes | None = None
    preview: str | None = None
    error: ErrorRecord | None = None
    links: tuple[_Link, ...] = ()

    @property
    def payload(self) -> Payload | None:
        """The encoded result."""
        if self.encoding is None or self.data is None:
            return None
        return Payload(self.encoding, self.data, self.preview)

    def exception(self) -> BaseException:
        """Make the live exception, with its causes; one of its class, or ours, where it cannot be unpickled."""
        assert self.error is not None
        cause: BaseException | None = None
        for link in reversed(self.links[1:]):
            error = _unpickled(link)
            if error is not None:
                error.__cause__, cause = cause, error
        made = (_unpickled(self.links[0], self.error) if self.links else None) or _stand_in(self.error)
        made.__cause__ = cause
        if self.error.traceback:
            made.add_note(f"In the process that ran it:\n{self.error.traceback}")
        return made


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


def pack_call(task: Task[Any], run_id: str, first: Sequence[Any], named: Mapping[str, Any]) -> bytes:
    """Return a task's body and its arguments as bytes.

    Args:
        task: the task; one that can be imported is sent by name, another one with its code.
        run_id: for the messages of errors.
        first: arguments by position; named: by name.

    Raises:
        PayloadError: an argument, or something that the code refers to, cannot be pickled.
    """
    from durable.values.pickles import dumps

    code = task.instance(task.task_id, {}) if task.home() is not None else task.fn
    try:
        return dumps((code, list(first), dict(named), run_id, task.task_id))
    except PayloadError:
        raise
    except Exception as error:
        raise PayloadError(
            f"the call of the task cannot be sent to another process: {type(error).__name__}: {error}"[:500],
            hint="Give it plain data or paths; make locks, connections and files in the body",
        ) from error


def run_call(data: bytes) -> bytes:
    """Run a call in this process and return its answer as bytes; raises nothing.

    Args:
        data: what ``pack_call`` returned.
    """
    run_id = task_id = None
    try:
        code, first, named, run_id, task_id = _loaded(data)
        value = getattr(code, "fn", code)(*first, **named)
        payload = encode(value)
        return _encode(Answer() if payload is None else Answer(payload.encoding, payload.data, payload.preview))
    except BaseException as error:
        if isinstance(error, PayloadError) and error.task_id is None:
            error.run_id, error.task_id = run_id, task_id
        return _encode(Answer(error=record_error(error), links=_links(error)))


def run_calls(packed: Sequence[bytes], driver: int) -> list[bytes]:
    """Run calls one after another, in a worker of somebody else's pool.

    Args:
        packed: what ``pack_call`` returned, for each.
        driver: the process id of the driver; a worker that it has started ends with it.

    Returns:
        Their answers.
    """
    if os.getpid() != driver:
        _settle_in(driver)
    return [run_call(data) for data in packed]


def read_answer(data: bytes) -> Answer:
    """Return what a call's answer says. Raises ``msgspec.MsgspecError`` when the bytes are none."""
    return _decode(data)


def _loaded(data: bytes) -> Any:
    try:
        with loading_for_worker():
            return pickle.loads(data)
    except PayloadError:
        raise
    except Exception as error:
        raise PayloadError(
            f"the worker process cannot load the call: {type(error).__name__}: {error}"[:500],
            hint="What it refers to must be importable there: same files, same sys.path",
        ) from error


def _links(error: BaseException) -> tuple[_Link, ...]:
    links: list[_Link] = []
    link: BaseException | None = error
    while link is not None and len(links) <= MAX_CAUSES:
        links.append((_pickled(link), _pickled(type(link))))
        link = cause_of(link)
    return tuple(links)


def _pickled(value: object) -> bytes | None:
    from durable.values.pickles import dumps

    try:
        return dumps(value)
    except Exception:
        return None


def _unpickled(link: _Link, record: ErrorRecord | None = None) -> BaseException | None:
    whole, kind = (_read(part) for part in link)
    if isinstance(whole, BaseException):
        return whole
    if record is not None and isinstance(kind, type) and issubclass(kind, BaseException):
        try:
            made = kind.__new__(kind, record.message)  # without __init__, whose arguments are not known
            str(made)
        except Exception:
            return None
        return made
    return None


def _read(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return pickle.loads(data)
    except Exception:  # its own __reduce__ or __init__ fails, or its module is not here
        return None


def _stand_in(record: ErrorRecord) -> DurableError:
    return DurableError(record.line, hint="The exception itself could not be sent from its process")


_settled = threading.Event()


def _settle_in(driver: int) -> None:
    """Let a foreign pool's worker outlive Ctrl-C, which is the driver's to handle, and end with the driver."""
    if _settled.is_set():
        return
    _settled.set()
    if threading.current_thread() is threading.main_thread() and _is_default(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, _ignored)
    wait = _parents_end(driver)
    if wait is not None:
        threading.Thread(target=_end_after, args=(wait,), name="durable-watch", daemon=True).start()


def _is_default(handler: object) -> bool:
    return handler in (signal.default_int_handler, signal.SIG_DFL)


def _ignored(*_: object) -> None:
    """A handler and not SIG_IGN, which programs that a body starts would inherit."""


def _parents_end(driver: int) -> Callable[[], None] | None:
    """What returns once the driver has ended; None when it did not make this process."""
    if os.getppid() == driver:
        return lambda: _outlive(driver)
    processes = imported("multiprocessing.process")
    parent = processes.parent_process() if processes is not None else None
    return parent.join if parent is not None and parent.pid == driver else None  # through a fork server


def _outlive(driver: int) -> None:
    pause = threading.Event()
    while os.getppid() == driver:
        pause.wait(0.5)


def _end_after(wait: Callable[[], None]) -> None:
    """End this process; a pool whose driver was killed leaves its workers waiting for ever."""
    wait()
    os._exit(1)
