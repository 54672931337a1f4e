"""Which of durable's own names stand in the pickles of a store; found without unpickling anything.

A pickle names what it refers to by module and qualified name, so each name here has to lead to something for ever.
Run as ``python -m tests.golden.pickled_names`` it prints what ``names.txt`` has to be.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from durable import Store, open_store
from tests.golden.golden import BY_NAME, FOLDER

NAMES = FOLDER / "names.txt"
_MODULE = re.compile(r"durable(\.\w+)*")
_PICKLE, _ZSTD = b"\x80", b"\x28\xb5\x2f\xfd"


def listed_names() -> list[str]:
    """Return the lines of ``names.txt`` that are no comments."""
    return [line for line in NAMES.read_text().splitlines() if line and not line.startswith("#")]


def names_in_all_stores(folder: Path) -> set[str]:
    """Return the names in all golden stores, of which copies are made in the folder."""
    found: set[str] = set()
    for golden in BY_NAME.values():
        with open_store(golden.copy(folder)) as store:
            found |= names_in(store)
    return found


def names_in(store: Store) -> set[str]:
    """Return ``module:qualified name`` of all that pickles in a store's logs and inboxes refer to in durable.

    ``module:`` alone stands for a module that is named by itself.
    """
    found: set[str] = set()
    for info in store.runs():
        for event in store.read(info.run_id) if info.pruned is None else ():
            found.update(_in_bytes(event.payload or b""))
        for message in store.inbox(info.run_id) if info.pruned is None else ():
            found.update(_in_json(json.loads(message.data)))
    return found


def _in_bytes(data: bytes) -> Iterator[str]:
    """Look into a pickle, into JSON, or into what is compressed of them."""
    if data.startswith(_ZSTD):
        data = zstandard.decompress(data)
    if data.startswith(_PICKLE):
        yield from _in_pickle(data)
    elif data[:1] in (b"{", b"["):
        yield from _in_json(json.loads(data))


def _in_json(value: Any) -> Iterator[str]:
    """Look for bytes inside of JSON, where they are written in base64."""
    if isinstance(value, str):
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return
        if data.startswith((_PICKLE, _ZSTD)):
            yield from _in_bytes(data)
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _in_json(one)


def _in_pickle(data: bytes) -> Iterator[str]:
    pushed: list[Any] = []  # texts in the order in which they came onto the pickle's stack; None for other things
    memo: list[Any] = []
    modules: dict[int, str] = {}  # texts that look like a module's name, by their place, which no class follows
    for code, argument, _ in pickletools.genops(data):
        if code.name == "MEMOIZE":
            memo.append(pushed[-1] if pushed else None)
            continue
        if code.name == "STACK_GLOBAL":
            module, name = pushed[-2:]
            modules.pop(len(pushed) - 2, None)
            if _MODULE.fullmatch(module):
                yield f"{module}:{name}"
            argument = None
        elif code.name in ("BINGET", "LONG_BINGET"):
            argument = memo[argument]
        if isinstance(argument, str) and _MODULE.fullmatch(argument):
            modules[len(pushed)] = argument
        pushed.append(argument if isinstance(argument, str) else None)
    yield from (f"{module}:" for module in modules.values())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(*sorted(names_in_all_stores(Path(name))), sep="\n")
