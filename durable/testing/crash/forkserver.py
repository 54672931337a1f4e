"""The fork server: a process that has imported durable and opened no store, and forks one drive at a time.

    python -m durable.testing.crash.forkserver

Orders come in on standard input and answers go out on standard output, a line of JSON each. It has one
thread, so that forking is safe, and ends when its input does.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

import msgspec

import durable
from durable.testing.crash import child
from durable.testing.crash.processes import Answer, Request, attend

_WARM = ("durable.definition.inspection", "durable.executors.threads", "asyncio", "cloudpickle", "sqlite_utils", "zstandard")


def _warm_up(url: str) -> None:
    for name in durable.__all__:
        getattr(durable, name)
    for name in _WARM:
        import_module(name)
    child._opener(url.partition("://")[0])
    gc.collect()
    gc.freeze()


def _forked(request: Request) -> Answer:
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        child.obey(request.order, writer)
        os._exit(0)
    os.close(writer)
    said, seconds, hung = attend(pid, reader, request.order.kill, request.timeout)
    return Answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seconds, said, hung)


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what bodies print must not stand between the answers
    devnull = os.open(os.devnull, os.O_RDONLY)
    orders = os.fdopen(os.dup(0), "rb")
    os.dup2(devnull, 0)
    _warm_up(sys.argv[1])
    for line in orders:
        answer = _forked(msgspec.json.decode(line, type=Request))
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
