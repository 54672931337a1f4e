"""Small payloads that look alike, compressed with a dictionary that was trained on them.

Alone, a payload of a few hundred bytes does not compress: it repeats what the others say, not itself. Once
a store object has seen ``PATIENCE`` of them, a thread trains a dictionary, off the append path. It is used
if it saves a third, and kept in the table ``dictionaries`` for good, because rows refer to it by number.
It must not know what payloads mean, and what it gives back is byte for byte what it was given.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from threading import Thread, local
from typing import TYPE_CHECKING
from weakref import WeakMethod

from durable.clock import Clock
from durable.core.events import Event
from durable.errors import DurableError, LogCorrupt
from durable_sqlite import sql
from durable_sqlite.connection import Link

if TYPE_CHECKING:
    import logging

    import zstandard

SHORTEST, LONGEST = 64, 512
"""Bytes of the payloads concerned. Shorter ones gain little; longer ones were compressed when they were encoded."""

PATIENCE = 4096
"""Payloads that are seen before a dictionary is trained; they stay readable in plain SQL."""

_EACH = 4  # one in so many is a sample: a thousand give as good a dictionary as four thousand, in a third of the time
_FIRST = 64  # samples with which a dictionary that is there already is tried
_SIZE = 8192
_WORTH = 0.7  # of the bytes: saving less than that is not worth values that SQL cannot show
_POOR = 1000  # so many in a row that did not compress: the dictionary does not fit any more
_SLOWER = 4  # after a training in vain, so many times as many payloads are seen before the next
_LEVEL = 3

_DAMAGED = "See durable verify for what is intact, and restore the rest from a backup"


class Dictionaries:
    """The dictionaries of one store object: compressing with the one that fits, expanding with any.

    Args:
        link: the database.
        clock: time, for people.
        learning: whether payloads may be compressed; expanding is always possible.

    Attributes:
        present: number and content of the dictionary that is used now, or None.
    """

    def __init__(self, link: Link, clock: Clock, *, learning: bool = True) -> None:
        self._link = link
        self._clock = clock
        self._learning = learning
        self._samples: list[bytes] = []
        self._seen = 0
        self._patience = PATIENCE
        self._poor = 0
        self.present: tuple[int, bytes] | None = None
        self._own = local()  # a compressor that two threads share crashes the interpreter
        link.when_opened(self._register)

    def watch(self, events: Sequence[Event]) -> None:
        """Take samples of the events' payloads, as long as there is no dictionary."""
        if self._learning:
            for event in events:
                payload = event.payload
                if payload is not None and SHORTEST <= len(payload) <= LONGEST:
                    self._sample(event.encoding, payload)

    def shrink(self, payload: bytes) -> tuple[int | None, bytes | None]:
        """Return the number of the present dictionary and the payload compressed with it, or (None, None).

        Args:
            payload: between ``SHORTEST`` and ``LONGEST`` bytes.
        """
        present = self.present
        if present is None:
            return None, None
        smaller = self._compressor(*present).compress(payload)
        if len(smaller) < len(payload) * _WORTH:
            self._poor = 0
            return present[0], smaller
        self._poor += 1
        if self._poor >= _POOR:
            self.present, self._samples, self._poor, self._seen = None, [], 0, 0
        return None, None

    def expand(self, payload: bytes, number: int) -> bytes:
        """Return the payload that was compressed with a dictionary; called by SQLite while a row is read."""
        import zstandard

        try:
            size = zstandard.frame_content_size(payload)
            if not SHORTEST <= size <= LONGEST:
                raise LogCorrupt(f"a compressed payload says that it has {size} bytes", hint=_DAMAGED)
            return bytes(self._expander(number).decompress(payload, allow_extra_data=False))
        except (zstandard.ZstdError, TypeError, ValueError) as error:
            self._link.fault = LogCorrupt(
                f"a payload that was compressed with dictionary {number} does not expand: {error}", hint=_DAMAGED
            )
        except BaseException as error:  # SQLite would make one error of all, of Ctrl-C too
            self._link.fault = error
        raise ValueError("see link.fault")

    def _register(self, connection: sqlite3.Connection) -> None:
        """Begin anew with a connection: it may lead to another file, in which the numbers mean something else."""
        self.present, self._samples, self._seen = None, [], 0
        self._own = local()
        self._connection = connection  # not asked of the link while a row is read: it might open another one
        # What SQLite holds on to, no garbage collection sees: a store that nobody closed would stay for good.
        expand = WeakMethod(self.expand)

        def call(payload: bytes, number: int) -> bytes:
            method = expand()
            assert method is not None  # whoever reads holds the store
            return method(payload, number)

        connection.create_function("expand", 2, call, deterministic=True)

    def _compressor(self, number: int, content: bytes) -> zstandard.ZstdCompressor:
        pair: tuple[int, zstandard.ZstdCompressor] | None = getattr(self._own, "compressor", None)
        if pair is None or pair[0] != number:
            pair = self._own.compressor = number, _compressor(content)
        return pair[1]

    def _expander(self, number: int) -> zstandard.ZstdDecompressor:
        known: dict[int, zstandard.ZstdDecompressor] | None = getattr(self._own, "expanders", None)
        if known is None:
            known = self._own.expanders = {}
        if number not in known:
            import zstandard

            for (content,) in self._connection.execute(sql.SELECT_DICTIONARY, (number,)):
                known[number] = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(content))
                break
            else:
                raise LogCorrupt(f"dictionary {number}, which payloads were compressed with, is gone", hint=_DAMAGED)
        return known[number]

    def _sample(self, encoding: str | None, payload: bytes) -> None:
        if encoding is not None and "zstd" in encoding:
            return
        self._seen += 1
        if self._seen % (self._patience // PATIENCE * _EACH):
            return
        samples = self._samples
        samples.append(payload)
        if len(samples) == _FIRST:
            self._begin(self._look, samples[:])
        elif self._seen >= self._patience:
            self._samples, self._seen = [], 0
            self._patience *= _SLOWER
            self._begin(self._train, samples)

    def _begin(self, what: Callable[[list[bytes]], None], samples: list[bytes]) -> None:
        try:
            Thread(target=self._guarded, args=(what, samples), name="durable-dictionary", daemon=True).start()
        except RuntimeError as error:  # no more threads may be started: that must not refuse an append
            _log().debug("no dictionary: %s", error)

    def _guarded(self, what: Callable[[list[bytes]], None], samples: list[bytes]) -> None:
        import zstandard

        try:
            what(samples)
        except (DurableError, zstandard.ZstdError, MemoryError) as error:
            # The store was closed meanwhile, or the disk is full, or nothing can be learnt from the samples.
            _log().debug("no dictionary: %s", error)

    def _look(self, samples: list[bytes]) -> None:
        """Use the newest of the dictionaries there are that fits."""
        for number, content in self._link.read(sql.SELECT_NEWEST_DICTIONARIES, ()):
            if _is_worth(content, samples):
                self.present = number, content
                return

    def _train(self, samples: list[bytes]) -> None:
        """Train a dictionary on three quarters of the samples, and keep it if it compresses the others well."""
        from zstandard import train_dictionary

        content = train_dictionary(_SIZE, [one for n, one in enumerate(samples) if n % 4], level=_LEVEL).as_bytes()
        if self.present is not None or not _is_worth(content, samples[::4]):
            return
        with self._link.writing as connection:
            number = connection.execute(sql.INSERT_DICTIONARY, (self._clock.now(), content)).lastrowid
        assert number is not None
        self.present = number, content
        _log().info("dictionary %d was trained on %d payloads", number, len(samples))


def _is_worth(content: bytes, samples: Sequence[bytes]) -> bool:
    compress = _compressor(content).compress
    return sum(len(compress(one)) for one in samples) < _WORTH * sum(map(len, samples))


def _compressor(content: bytes) -> zstandard.ZstdCompressor:
    import zstandard

    # The row says which dictionary it was: four bytes in each payload would be too many.
    return zstandard.ZstdCompressor(
        level=_LEVEL, dict_data=zstandard.ZstdCompressionDict(content), write_dict_id=False, write_checksum=False
    )


def _log() -> logging.Logger:
    import logging  # 3 ms, for what hardly ever happens

    return logging.getLogger("durable.stores")
