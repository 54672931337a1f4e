"""Parses a SQLite URL: a file and how to open it. It must not touch the disk."""

from __future__ import annotations

import math
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from durable.errors import StoreError

SYNCHRONOUS = ("full", "normal")
TIMEOUT = 60.0

_SWITCH = {"on": True, "off": False}
_ALLOWED = {
    "synchronous": "full or normal",
    "timeout": "a number of seconds, 0 or more",
    "dictionary": "on or off",
}


class DatabaseConfig(msgspec.Struct, frozen=True):
    """A database file and its options.

    Attributes:
        path: the file, absolute.
        synchronous: "full" (survives power loss) or "normal" (survives a crash of the process only).
        timeout: seconds to wait for another writer.
        dictionary: whether small payloads may be compressed with a dictionary, which plain SQL cannot read.
    """

    path: Path
    synchronous: str = "full"
    timeout: float = TIMEOUT
    dictionary: bool = True

    def sidecar(self, suffix: str) -> str:
        """Return the path of a file that accompanies the database: its name and a suffix."""
        return f"{self.path}{suffix}"

    def file_uri(self, query: str) -> str:
        """Return the ``file:`` URI that SQLite opens, with the query given."""
        return f"file:{quote(str(self.path))}?{query}"


def parse_url(url: str) -> DatabaseConfig:
    """Parse a ``sqlite:///`` URL.

    Raises:
        StoreError: no path, an in-memory database, an unknown option or a value that it cannot have.
    """
    rest, _, query = url.partition("?")
    scheme, _, path = rest.partition("://")
    name = unquote(path[1:])
    if scheme != "sqlite" or not path.startswith("/") or not name or "\0" in name:
        raise StoreError(
            f"{url!r} does not name a SQLite file", hint="Write sqlite:///relative.db or sqlite:////absolute.db"
        )
    if name == ":memory:":
        raise StoreError(f"{url!r} would keep nothing", hint="Use memory:// for a store in memory")
    return _with_options(DatabaseConfig(Path(name).absolute()), url, query)


def _with_options(config: DatabaseConfig, url: str, query: str) -> DatabaseConfig:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "synchronous" and value.lower() in SYNCHRONOUS:
            config = msgspec.structs.replace(config, synchronous=value.lower())
        elif name == "timeout" and _is_seconds(value):
            config = msgspec.structs.replace(config, timeout=float(value))
        elif name == "dictionary" and value.lower() in _SWITCH:
            config = msgspec.structs.replace(config, dictionary=_SWITCH[value.lower()])
        elif name in _ALLOWED:
            raise StoreError(f"{name}={value} is not possible in {url!r}", hint=f"Use {_ALLOWED[name]}")
        else:
            raise StoreError(f"the option {name!r} in {url!r} is not known", hint=f"Known: {', '.join(_ALLOWED)}")
    return config


def _is_seconds(text: str) -> bool:
    try:
        seconds = float(text)
    except ValueError:
        return False
    return math.isfinite(seconds) and 0 <= seconds <= 86_400
