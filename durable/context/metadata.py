"""The run's durable metadata as a dict; changes are found when the attempt, or the policy, is done."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from durable.context.effects import Write, check_key
from durable.values.payloads import Payload, encode

if TYPE_CHECKING:
    from durable.context.call_numbering import Numbering
    from durable.engine.run_view import RunView


class Metadata(MutableMapping[str, Any]):
    """The run's durable metadata as a dict. Values may be changed in place: the change is recorded.

    Args:
        view: the committed data.
        check: raises when the data may not be used any more.
        numbering: knows whether a step runs, in which nothing may be changed; None for policies.
    """

    def __init__(self, view: RunView, check: Any = None, numbering: Numbering | None = None) -> None:
        self._view = view
        self._check = check or (lambda: None)
        self._numbering = numbering
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
        self._check_change()
        check_key("metadata", key)
        encode(value)
        self._held[key] = value
        self._deleted.discard(key)

    def __delitem__(self, key: str) -> None:
        self[key]
        self._check_change()
        del self._held[key]
        self._deleted.add(key)

    def _check_change(self) -> None:
        self._check()
        if self._numbering is not None:
            self._numbering.refuse_in_step("a metadata write")

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


def _same(payload: Payload | None, recorded: Any, value: Any) -> bool:
    """Whether a value still is what was recorded; by bytes, which also tells 1 from True."""
    before = encode(recorded)
    if (before is None) != (payload is None):
        return False
    return before is None or payload is None or (before.encoding, before.data) == (payload.encoding, payload.data)
