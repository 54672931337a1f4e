"""What task code sees of its run: TaskExecutionContext, its Channel and its Metadata.

A context belongs to one attempt. What it writes is staged and committed together with the attempt's
result, or not at all; once the attempt has ended, every call raises ``AttemptEnded``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextvars import ContextVar
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from durable.core import channel
from durable.errors import AttemptEnded, ChannelError
from durable.payloads import Payload, decode, encode

if TYPE_CHECKING:
    from durable.engine.view import RunView

CURRENT: ContextVar[Callable[[], TaskExecutionContext] | None] = ContextVar("durable_current_context", default=None)
"""Gives the context of the attempt that runs here; most bodies never ask for it."""

_logger = logging.getLogger("durable.task")


def current_context() -> TaskExecutionContext | None:
    """Return the context of the task whose body is running here; None outside of bodies."""
    current = CURRENT.get()
    return None if current is None else current()


class Write(msgspec.Struct, frozen=True):
    """One staged change of the channel or of the metadata.

    Attributes:
        space: "channel" or "metadata".
        op: set, delete, append, prepend or add.
        key: the key.
        payload: the encoded value; None for delete, add and None itself.
        amount: what an ``add`` adds.
    """

    space: str
    op: str
    key: str
    payload: Payload | None = None
    amount: float | int | None = None


class Channel:
    """The run's shared key-value data, as one attempt sees it.

    Appends and additions of parallel members merge: none is lost. ``set`` overwrites: the attempt
    that commits last wins.
    """

    def __init__(self, context: TaskExecutionContext) -> None:
        self._context = context

    def get(self, key: str, default: Any = None) -> Any:
        """Return the key's value as a fresh copy, this attempt's own writes included, or the default.

        Raises:
            ChannelError: parallel members wrote things that do not fit each other.
        """
        self._context.check()
        view = self._context.view
        cell = view.channel.get(key)
        own = [write for write in self._context.staged if write.key == key]
        value: Any = None
        present = cell is not None
        if cell is not None and not any(write.op in ("set", "delete") for write in own):
            value = view.read_channel(key, cell)
        for write in own:
            present = write.op != "delete"
            if write.op == "delete":
                value = None
            else:
                argument = write.amount if write.op == "add" else _decoded(write.payload)
                value = channel.merge(key, value, write.op, argument)
        return value if present else default

    def set(self, key: str, value: Any) -> None:
        """Set a key. Raises ``PayloadError`` for a value that cannot be stored."""
        self._stage("set", key, encode(value))

    def delete(self, key: str) -> None:
        """Remove a key; one that is not there is ignored."""
        self._stage("delete", key)

    def append(self, key: str, value: Any) -> None:
        """Add a value at the end of a list, which is made when the key is not there."""
        self._need_list(key)
        self._stage("append", key, encode(value))

    def prepend(self, key: str, value: Any) -> None:
        """Add a value in front of a list, which is made when the key is not there."""
        self._need_list(key)
        self._stage("prepend", key, encode(value))

    def atomic_add(self, key: str, amount: float | int = 1) -> Any:
        """Add to a number, which starts at 0, and return it as this attempt sees it.

        Raises:
            ChannelError: the key holds something else, or the amount is not a number.
        """
        number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        if not number or not (abs(amount) < 2**63 if isinstance(amount, int) else isfinite(amount)):
            raise ChannelError(f"channel key {key!r}: {amount!r} is not a finite number of at most 64 bits")
        amount = int(amount) if isinstance(amount, int) else float(amount)  # subclasses (enums, numpy) too
        value = channel.merge(key, self.get(key), "add", amount)
        self._stage("add", key, None, amount)
        return value

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self.keys()

    def keys(self) -> list[str]:
        """Return the keys, sorted."""
        self._context.check()
        found = set(self._context.view.channel)
        for write in self._context.staged:
            (found.discard if write.op == "delete" else found.add)(write.key)
        return sorted(found)

    def _need_list(self, key: str) -> None:
        """Refuse a key that holds something else; the list itself is read only if somebody set it as a whole."""
        self._context.check()
        newest = next((write.op for write in reversed(self._context.staged) if write.key == key), None)
        if newest is None:
            cell = self._context.view.channel.get(key)
            newest = cell[0] if cell is not None else "delete"
        if newest not in ("append", "prepend", "delete"):
            value = self.get(key)
            if value is not None and not isinstance(value, list):
                raise ChannelError(
                    f"channel key {key!r} holds a {type(value).__name__}, not a list", hint="Use set, or another key"
                )

    def _stage(self, op: str, key: str, payload: Payload | None = None, amount: float | int | None = None) -> None:
        self._context.check()
        check_key("channel", key)
        self._context.staged.append(Write("channel", op, key, payload, amount))


class Metadata(MutableMapping[str, Any]):
    """The run's durable metadata as a dict. Values may be changed in place: the change is recorded.

    Args:
        view: the committed data.
        check: raises when the data may not be used any more.
    """

    def __init__(self, view: RunView, check: Any = None) -> None:
        self._view = view
        self._check = check or (lambda: None)
        self._held: dict[str, Any] = {}
        self._deleted: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self._check()
        if key not in self._held:
            if key in self._deleted or key not in self._view.metadata:
                raise KeyError(key)
            self._held[key] = self._view.load(self._view.metadata[key])
        return self._held[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._check()
        check_key("metadata", key)
        encode(value)
        self._held[key] = value
        self._deleted.discard(key)

    def __delitem__(self, key: str) -> None:
        self[key]
        del self._held[key]
        self._deleted.add(key)

    def __iter__(self) -> Iterator[str]:
        self._check()
        return iter(sorted((set(self._view.metadata) | set(self._held)) - self._deleted))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def writes(self) -> list[Write]:
        """Return what was changed, as writes."""
        found = [Write("metadata", "delete", key) for key in sorted(self._deleted & set(self._view.metadata))]
        for key, value in self._held.items():
            payload = encode(value)
            seq = self._view.metadata.get(key)
            if seq is None or not _same(payload, self._view.load(seq), value):
                found.append(Write("metadata", "set", key, payload))
        return found


class TaskExecutionContext:
    """What a task's body sees of its run; valid for one attempt.

    Attributes:
        run_id, task_id: where the body runs.
        attempt: this attempt's number, from 1, counted across crashes.
        metadata: the run's durable metadata, a dict.
    """

    def __init__(self, view: RunView, task_id: str, attempt: int) -> None:
        self.view = view
        self.run_id = view.run_id
        self.task_id = task_id
        self.attempt = attempt
        self.staged: list[Write] = []
        self.ended: str | None = None
        self._metadata: Metadata | None = None

    @property
    def idempotency_key(self) -> str:
        """A key for outside effects, the same for every attempt of this task: ``run_id/task_id``."""
        return f"{self.run_id}/{self.task_id}"

    @property
    def cancelled(self) -> bool:
        """Whether the attempt has ended without the body: timed out, cancelled or its group decided."""
        return self.ended is not None

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that adds run, task and attempt to its records."""
        return logging.LoggerAdapter(_logger, {"run_id": self.run_id, "task_id": self.task_id, "attempt": self.attempt})

    @property
    def metadata(self) -> Metadata:
        """The run's durable metadata."""
        self.check()
        if self._metadata is None:
            self._metadata = Metadata(self.view, self.check)
        return self._metadata

    def get_channel(self) -> Channel:
        """Return the channel."""
        self.check()
        return Channel(self)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a channel key's value, or the default."""
        return Channel(self).get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Set a channel key."""
        Channel(self).set(key, value)

    def get_result(self, task_id: str, default: Any = None) -> Any:
        """Return the recorded value of a task or group, or the default when it has none.

        Raises:
            DefinitionError: the run has no task or group of that id.
        """
        self.check()
        return self.view.result(task_id, default)

    def check(self) -> None:
        """Raise ``AttemptEnded`` when the attempt is over."""
        if self.ended is not None:
            raise AttemptEnded(
                f"attempt {self.attempt} of task {self.task_id!r} has ended ({self.ended}); nothing was recorded"
            )

    def effects(self) -> list[Write]:
        """Return everything the attempt wants to have committed with its result."""
        return self.staged if self._metadata is None else self.staged + self._metadata.writes()


def check_key(space: str, key: Any) -> None:
    """Refuse what cannot be a key of the channel or of the metadata.

    Raises:
        ChannelError: it is not a text, it is empty, or it holds lone surrogates, which no log can keep.
    """
    if not isinstance(key, str) or not key or not (key.isascii() or key.encode("utf-8", "ignore").decode() == key):
        raise ChannelError(f"a {space} key is a text that is not empty and that UTF-8 can hold, not {key!r}")


def _decoded(payload: Payload | None) -> Any:
    return None if payload is None else decode(payload.encoding, payload.data)


def _same(payload: Payload | None, recorded: Any, value: Any) -> bool:
    """Whether a value still is what was recorded; by bytes, which also tells 1 from True."""
    before = encode(recorded)
    if (before is None) != (payload is None):
        return False
    return before is None or payload is None or (before.encoding, before.data) == (payload.encoding, payload.data)
