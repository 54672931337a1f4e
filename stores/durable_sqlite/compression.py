"""Compresses small payloads that look alike with a dictionary, and expands them while rows are read.

What it gives back is byte for byte what it was given. It must not know what payloads mean.
"""

from __future__ import annotations

import sqlite3
from threading import local
from typing import TYPE_CHECKING
from weakref import WeakMethod

from durable.errors import LogCorrupt
from durable_sqlite import sql
from durable_sqlite.database import Database
from durable_sqlite.dictionaries import LONGEST, SHORTEST, WORTHWHILE, Dictionaries, new_compressor

if TYPE_CHECKING:
    import zstandard

_MOST_FAILURES = 1000  # so many in a row that did not compress: the dictionary does not fit any more
_DAMAGED = "See durable verify for what is intact, and restore the rest from a backup"


class Compression:
    """Compresses with the current dictionary of one store object, and expands with any.

    Args:
        database: where the dictionaries are kept.
        dictionaries: which one is current.
    """

    def __init__(self, database: Database, dictionaries: Dictionaries) -> None:
        self._database = database
        self._dictionaries = dictionaries
        self._failures = 0
        self._of_thread = local()  # a compressor that two threads share crashes the interpreter
        database.on_open(self._register)

    def compress(self, payload: bytes) -> tuple[int | None, bytes | None]:
        """Return the number of the current dictionary and the payload compressed with it, or (None, None).

        Args:
            payload: between ``SHORTEST`` and ``LONGEST`` bytes.
        """
        current = self._dictionaries.current
        if current is None:
            return None, None
        compressed = self._compressor(*current).compress(payload)
        if len(compressed) < len(payload) * WORTHWHILE:
            self._failures = 0
            return current[0], compressed
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            self._failures = 0
            self._dictionaries.reset()
        return None, None

    def expand(self, payload: bytes, number: int) -> bytes:
        """Return the payload that was compressed with a dictionary; called by SQLite while a row is read."""
        import zstandard

        try:
            size = zstandard.frame_content_size(payload)
            if not SHORTEST <= size <= LONGEST:
                raise LogCorrupt(f"a compressed payload says that it has {size} bytes", hint=_DAMAGED)
            return bytes(self._decompressor(number).decompress(payload, allow_extra_data=False))
        except (zstandard.ZstdError, TypeError, ValueError) as error:
            self._database.callback_error = LogCorrupt(
                f"a payload that was compressed with dictionary {number} does not expand: {error}", hint=_DAMAGED
            )
        except BaseException as error:  # SQLite would make one error of all, of Ctrl-C too
            self._database.callback_error = error
        raise ValueError("see callback_error")

    def _register(self, connection: sqlite3.Connection) -> None:
        """Begin anew with a connection: it may be to another file, in which the numbers mean something else."""
        self._dictionaries.reset()
        self._of_thread = local()
        self._connection = connection  # not asked of the database while a row is read: it might open another one
        # References that SQLite holds are invisible to garbage collection: a strong one would keep a store that
        # nobody closed for good.
        expand = WeakMethod(self.expand)

        def call(payload: bytes, number: int) -> bytes:
            method = expand()
            assert method is not None  # the reader holds the store
            return method(payload, number)

        connection.create_function("expand", 2, call, deterministic=True)

    def _compressor(self, number: int, content: bytes) -> zstandard.ZstdCompressor:
        cached: tuple[int, zstandard.ZstdCompressor] | None = getattr(self._of_thread, "compressor", None)
        if cached is None or cached[0] != number:
            cached = self._of_thread.compressor = number, new_compressor(content)
        return cached[1]

    def _decompressor(self, number: int) -> zstandard.ZstdDecompressor:
        cache: dict[int, zstandard.ZstdDecompressor] | None = getattr(self._of_thread, "decompressors", None)
        if cache is None:
            cache = self._of_thread.decompressors = {}
        if number not in cache:
            import zstandard

            for (content,) in self._connection.execute(sql.SELECT_DICTIONARY, (number,)):
                cache[number] = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(content))
                break
            else:
                raise LogCorrupt(f"dictionary {number}, which payloads were compressed with, is gone", hint=_DAMAGED)
        return cache[number]
