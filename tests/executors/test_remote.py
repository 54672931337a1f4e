"""Calls for other processes as bytes: what is sent by name, what comes back, and what cannot cross."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from durable import PayloadError, PayloadRefused, task
from durable.executors.remote import Answer, pack_call, read_answer, run_call
from durable.values.payloads import decode
from tests.engine import process_bodies as bodies


def called(which: Any, *first: Any, **named: Any) -> Answer:
    """Send a call through this process, as through another one."""
    return read_answer(run_call(pack_call(which, "r", first, named)))


def value_of(answer: Answer) -> Any:
    assert answer.error is None, answer.error
    return None if answer.payload is None else decode(answer.payload.encoding, answer.payload.data)


def test_a_task_that_can_be_imported_is_sent_by_name_and_others_with_their_code() -> None:
    """So its module's own state is used where it runs, and a small call stays small."""
    secret = "in the closure"

    @task
    def closure() -> str:
        return secret

    assert b"secret" not in pack_call(bodies.echo, "r", (), {"value": 1})
    assert len(pack_call(bodies.echo(task_id="other", value=5), "r", (), {"value": 1})) < 250
    assert value_of(called(bodies.echo(task_id="other"), value=(1, 2))) == (1, 2)
    assert value_of(called(closure)) == secret


def test_what_comes_back_are_the_bytes_that_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoded once, where the body ran; also signed there. None needs no bytes."""
    assert called(bodies.echo, value=None) == Answer()
    assert called(bodies.echo, value=[1, "x"]).payload == Answer("json", b'[1,"x"]').payload
    preview = called(bodies.echo, value={1, 2}).preview
    assert preview is not None
    monkeypatch.setenv("DURABLE_SIGNING_KEY", "k" * 32)
    signed = called(bodies.echo, value={1, 2}).payload
    assert signed is not None
    assert "hmac" in signed.encoding
    monkeypatch.setenv("DURABLE_SIGNING_KEY", "l" * 32)
    with pytest.raises(PayloadRefused):
        decode(signed.encoding, signed.data)


def test_links_of_a_chain_that_cannot_cross_do_not_stand_for_the_exception_itself() -> None:
    """The cause arrives as the cause of a stand-in, and not in its place."""
    error = called(bodies.raises, kind="silent").exception()
    assert type(error).__name__ == "DurableError"
    assert isinstance(error.__cause__, KeyError)


def test_code_that_is_not_importable_there_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker answers; it does not die of it."""
    (tmp_path / "only_here.py").write_text("from durable import task\n@task\ndef t(): return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    packed = pack_call(import_module("only_here").t, "r", (), {})
    assert value_of(read_answer(run_call(packed))) == 1
    code = (
        "import sys; from durable.executors.remote import run_call; "
        "sys.stdout.buffer.write(run_call(sys.stdin.buffer.read()))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part and part != str(tmp_path))}
    done = subprocess.run([sys.executable, "-c", code], input=packed, capture_output=True, env=env, timeout=50)
    error = read_answer(done.stdout).exception()
    assert isinstance(error, PayloadError)
    assert "the worker process cannot load the call: ModuleNotFoundError" in error.message
    assert error.task_id is None


def test_unreadable_calls_are_answered() -> None:
    """Whatever the bytes are."""
    answer = read_answer(run_call(b"no pickle"))
    assert isinstance(answer.exception(), PayloadError)
