"""The fork server: a process that has imported durable and opened no store, and forks one drive at a time.

    python -m durable.testing.crash.forkserver

Orders come in on standard input and answers go out on standard output, a line of JSON each. It has one
thread, so that forking is safe, and ends when its input does.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module

import msgspec

import durable
from durable.errors import StoreNotFound
from durable.values.payloads import encode
from durable.testing.crash import child
from durable.testing.crash.exits import Answer, Request, attend
from durable.testing.crash.stores import store_opener

_WARM = (
    "durable.definition.static_divergence", "durable.definition.scheduling", "durable.executors.threads",
    "durable.executors.event_loop", "durable.human.answers", "asyncio", "sqlite_utils",
)  # fmt: skip
_WARM_IF_THERE = ("durable.prompts.manager", "jinja2.ext", "jsonschema", "yaml")


def _warm_up() -> None:
    for name in durable.__all__:
        getattr(durable, name)
    for name in _WARM:
        import_module(name)
    for name in _WARM_IF_THERE:
        with suppress(ImportError):
            import_module(name)
    encode((1, "x" * 1000))  # loads what pickles and compresses
    with suppress(StoreNotFound):
        store_opener("sqlite")
    gc.collect()
    gc.freeze()


def _forked(request: Request) -> Answer:
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        _settle_in(request)
        child.obey(request.order, writer)
        os._exit(0)
    os.close(writer)
    said, seconds, hung = attend(pid, reader, request.order.kill, request.timeout)
    return Answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seconds, said, hung)


def _settle_in(request: Request) -> None:
    """Take over what may have changed in the asking process since this one was started."""
    printed = os.open(request.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    sys.path[:] = request.path


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    orders = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # bodies must not read orders
    _warm_up()
    for line in orders:
        answer = _forked(msgspec.json.decode(line, type=Request))
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
