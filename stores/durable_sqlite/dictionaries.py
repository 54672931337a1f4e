"""Compression dictionaries: which one is used, and training one on the payloads that are appended.

Alone, a payload of a few hundred bytes does not compress: it repeats what the others say, not itself. Once
a store object has seen ``PATIENCE`` of them, a thread trains a dictionary, off the append path. It is used
if it saves a third, and kept in the table ``dictionaries`` for good, because rows refer to it by number.
It must not know what payloads mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import TYPE_CHECKING

from durable.clock import Clock
from durable.core.events import Event
from durable.errors import DurableError
from durable_sqlite import sql
from durable_sqlite.database import Database

if TYPE_CHECKING:
    import logging

    import zstandard

SHORTEST, LONGEST = 64, 512
"""Bytes of the payloads concerned. Shorter ones gain little; longer ones were compressed when they were encoded."""

PATIENCE = 4096
"""Payloads that are seen before a dictionary is trained; they stay readable in plain SQL."""

WORTHWHILE = 0.7
"""Of the bytes: saving less than that is not worth values that SQL cannot show."""

_SAMPLE_EVERY = 4  # one in so many: a thousand give as good a dictionary as four thousand, in a third of the time
_SAMPLES_TO_TRY = 64  # with so many, the dictionaries that are there already are tried
_SIZE = 8192
_BACKOFF = 4  # after a training in vain, so many times as many payloads are seen before the next
_LEVEL = 3


class Dictionaries:
    """The dictionaries of one store object.

    Args:
        database: where they are kept.
        clock: time, for people.
        enabled: whether payloads may be compressed.

    Attributes:
        current: number and content of the dictionary that payloads are compressed with, or None.
    """

    def __init__(self, database: Database, clock: Clock, *, enabled: bool = True) -> None:
        self._database = database
        self._clock = clock
        self._enabled = enabled
        self._samples: list[bytes] = []
        self._seen = 0
        self._patience = PATIENCE
        self.current: tuple[int, bytes] | None = None

    def reset(self) -> None:
        """Use no dictionary, and begin to look for one anew."""
        self.current, self._samples, self._seen = None, [], 0

    def observe(self, events: Sequence[Event]) -> None:
        """Take samples of the events' payloads, as long as there is no dictionary."""
        if self._enabled:
            for event in events:
                payload = event.payload
                if payload is not None and SHORTEST <= len(payload) <= LONGEST:
                    self._sample(event.encoding, payload)

    def _sample(self, encoding: str | None, payload: bytes) -> None:
        if encoding is not None and "zstd" in encoding:
            return
        self._seen += 1
        if self._seen % (self._patience // PATIENCE * _SAMPLE_EVERY):
            return
        samples = self._samples
        samples.append(payload)
        if len(samples) == _SAMPLES_TO_TRY:
            self._in_thread(self._try_existing, samples[:])
        elif self._seen >= self._patience:
            self._samples, self._seen = [], 0
            self._patience *= _BACKOFF
            self._in_thread(self._train, samples)

    def _in_thread(self, step: Callable[[list[bytes]], None], samples: list[bytes]) -> None:
        try:
            Thread(target=self._guarded, args=(step, samples), name="durable-dictionary", daemon=True).start()
        except RuntimeError as error:  # no more threads may be started: that must not refuse an append
            _log().debug("no dictionary: %s", error)

    def _guarded(self, step: Callable[[list[bytes]], None], samples: list[bytes]) -> None:
        import zstandard

        try:
            step(samples)
        except (DurableError, zstandard.ZstdError, MemoryError) as error:
            # The store was closed meanwhile, or the disk is full, or the samples have nothing in common.
            _log().debug("no dictionary: %s", error)

    def _try_existing(self, samples: list[bytes]) -> None:
        """Use the newest of the existing dictionaries that compresses the samples well."""
        for number, content in self._database.read(sql.SELECT_NEWEST_DICTIONARIES, ()):
            if _is_worthwhile(content, samples):
                self.current = number, content
                return

    def _train(self, samples: list[bytes]) -> None:
        """Train a dictionary on three quarters of the samples, and keep it if it compresses the others well."""
        from zstandard import train_dictionary

        content = train_dictionary(_SIZE, [one for n, one in enumerate(samples) if n % 4], level=_LEVEL).as_bytes()
        if self.current is not None or not _is_worthwhile(content, samples[::4]):
            return
        with self._database.transaction as connection:
            number = connection.execute(sql.INSERT_DICTIONARY, (self._clock.now(), content)).lastrowid
        assert number is not None
        self.current = number, content
        _log().info("dictionary %d was trained on %d payloads", number, len(samples))


def new_compressor(dictionary: bytes) -> zstandard.ZstdCompressor:
    """Return a compressor with a dictionary; not for use by several threads."""
    import zstandard

    # The row says which dictionary it was: four bytes in each payload would be too many.
    return zstandard.ZstdCompressor(
        level=_LEVEL, dict_data=zstandard.ZstdCompressionDict(dictionary), write_dict_id=False, write_checksum=False
    )


def _is_worthwhile(dictionary: bytes, samples: Sequence[bytes]) -> bool:
    compress = new_compressor(dictionary).compress
    return sum(len(compress(one)) for one in samples) < WORTHWHILE * sum(map(len, samples))


def _log() -> logging.Logger:
    import logging  # 3 ms, for what hardly ever happens

    return logging.getLogger("durable.stores")
