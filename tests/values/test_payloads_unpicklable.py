"""What cannot be stored is refused with an error that names it."""

from __future__ import annotations

import functools
import io
import pathlib
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from durable.errors import PayloadError
from durable.values.payloads import encode
from tests.values.samples import there_and_back

HERE = pathlib.Path(__file__)


class Unpicklable:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


class Unsayable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class RaisingMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)

    def __hash__(cls) -> int:
        raise RuntimeError("no hash")


class Odd(metaclass=RaisingMeta):
    pass


class TestUnpicklable:
    @pytest.mark.parametrize(
        ("make", "hint"),
        [
            (lambda: (i for i in [1]), "not a generator"),
            (threading.Lock, "locks"),
            (HERE.open, "open file"),
            (functools.partial(HERE.open, "rb"), "open file"),
            (lambda: {"nested": [HERE.open()]}, "open file"),
            (socket.socket, "locks, connections"),
            (sys._getframe, "plain data"),
        ],
    )
    def test_live_objects_are_refused_with_a_hint(self, make: Callable[[], Any], hint: str) -> None:
        value = make()
        with pytest.raises(PayloadError, match=type(value).__name__) as caught:
            encode(value)
        assert hint in str(caught.value)
        for held in (value, value["nested"][0] if isinstance(value, dict) else value):
            if isinstance(held, (io.IOBase, socket.socket)):
                held.close()

    def test_a_coroutine_is_refused_with_a_hint(self) -> None:
        async def task() -> None: ...

        coroutine = task()
        with pytest.raises(PayloadError, match="Await the coroutine"):
            encode(coroutine)
        coroutine.close()

    @pytest.mark.parametrize(
        "error",
        [ValueError("no"), MemoryError(), RecursionError(), StopIteration(), Unsayable(), RuntimeError("\ud800")],
        ids=lambda error: type(error).__name__,
    )
    def test_whatever_pickling_raises_becomes_a_payload_error(self, error: Exception) -> None:
        with pytest.raises(PayloadError, match="Unpicklable") as caught:
            encode(Unpicklable(error))
        assert caught.value.hint
        assert str(caught.value)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
    def test_an_interrupt_passes_through(self, error: BaseException) -> None:
        with pytest.raises(type(error)):
            encode(Unpicklable(error))

    def test_a_hostile_metaclass_is_only_a_payload_error(self) -> None:
        with pytest.raises(PayloadError, match="Odd"):
            encode(Odd())
        with pytest.raises(PayloadError):
            encode([Odd()] * 100)

    def test_standard_output_is_recorded_as_such(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with open(tmp_path / "out", "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert there_and_back([stream]) == [stream]
