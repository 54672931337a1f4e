"""The channel as one attempt sees it: what is committed, with the attempt's own staged writes on top."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from durable.context.effects import Write, check_key
from durable.core import channel
from durable.errors import ChannelError
from durable.values.payloads import Payload, decode, encode

if TYPE_CHECKING:
    from durable.context.task_context import TaskExecutionContext


class Channel:
    """The run's shared key-value data, as one attempt sees it.

    Appends and additions of parallel members merge: none is lost. ``set`` overwrites: the attempt
    that commits last wins.

    Args:
        context: the attempt's context.
    """

    def __init__(self, context: TaskExecutionContext) -> None:
        self._context = context

    def get(self, key: str, default: Any = None) -> Any:
        """Return the key's value as a fresh copy, this attempt's own writes included, or the default.

        Args:
            key: the channel's key.
            default: what is returned when the key is not there.

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
        """Set a key. Raises ``PayloadError`` for a value that cannot be stored.

        Args:
            key: the channel's key.
            value: any value that can be stored.
        """
        self._stage("set", key, encode(value))

    def delete(self, key: str) -> None:
        """Remove a key; one that is not there is ignored.

        Args:
            key: the channel's key.
        """
        self._stage("delete", key)

    def append(self, key: str, value: Any) -> None:
        """Add a value at the end of a list, which is made when the key is not there.

        Args:
            key: the channel's key.
            value: the new last item.
        """
        self._need_list(key)
        self._stage("append", key, encode(value))

    def prepend(self, key: str, value: Any) -> None:
        """Add a value in front of a list, which is made when the key is not there.

        Args:
            key: the channel's key.
            value: the new first item.
        """
        self._need_list(key)
        self._stage("prepend", key, encode(value))

    def atomic_add(self, key: str, amount: float | int = 1) -> Any:
        """Add to a number, which starts at 0, and return it as this attempt sees it.

        Args:
            key: the channel's key.
            amount: what is added; a finite number of at most 64 bits.

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
        """Whether the key is there.

        Args:
            key: the channel's key.
        """
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
        self._context.numbering.refuse_in_step("a channel write")
        check_key("channel", key)
        self._context.stage(Write("channel", op, key, payload, amount))


def _decoded(payload: Payload | None) -> Any:
    return None if payload is None else decode(payload.encoding, payload.data)
