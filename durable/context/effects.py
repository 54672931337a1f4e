"""What an attempt wants to have committed together with its result, and the keys that it may use."""

from __future__ import annotations

from typing import Any

import msgspec

from durable.core.specs import Fragment
from durable.errors import ChannelError
from durable.values.payloads import Payload


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


class Prompt(msgspec.Struct, frozen=True):
    """A prompt that an attempt rendered.

    Attributes:
        prompt: its name; label, version: which of its entries; digest: of the entry's template.
    """

    prompt: str
    label: str | None
    version: str
    digest: str


class Effects(msgspec.Struct):
    """What an attempt staged.

    Attributes:
        writes: changes of the channel and the metadata.
        fragment: tasks that it scheduled.
        taken: ids of the successors to take; None for all.
        iteration: arguments of the next iteration; again: whether there is to be one.
        result: what the run is to end with; terminates: whether it is to end.
        cancels: why the run is to be cancelled; None when it is not.
    """

    writes: list[Write] = []
    fragment: Fragment | None = None
    taken: list[str] | None = None
    iteration: Payload | None = None
    again: bool = False
    result: Payload | None = None
    terminates: bool = False
    cancels: str | None = None


def check_key(space: str, key: Any) -> None:
    """Refuse what cannot be a key of the channel or of the metadata.

    Raises:
        ChannelError: it is not a text, it is empty, or it holds lone surrogates, which no log can keep.
    """
    if not isinstance(key, str) or not key or not (key.isascii() or key.encode("utf-8", "ignore").decode() == key):
        raise ChannelError(f"a {space} key is a text that is not empty and that UTF-8 can hold, not {key!r}")
