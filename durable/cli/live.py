"""Progress of a drive: a live display on a terminal, now and then a line elsewhere.

The driver only hands over its state; the display looks at the state's columns by itself, a few times
a second, so that a commit costs nothing. It must not slow the driver down or raise into it.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from durable.cli.render import console, is_terminal, printable, say
from durable.cli.words import lasted
from durable.core.transitions import ENDED, FAILED, RUNNING, TIMED_OUT

if TYPE_CHECKING:
    from rich.console import RenderableType

    from durable.core.events import Event
    from durable.core.state import RunState

LINE_SECONDS = 5.0
"""Seconds between two lines of progress where there is no terminal."""

_REFRESHES = 4  # a second
_NAMES = 5
_FAILURES = frozenset({"TaskFailed", "TaskTimedOut", "GroupFailed"})


class Progress(NamedTuple):
    """How far a run is."""

    total: int
    done: int
    running: int
    failed: int
    names: Sequence[str]

    def line(self) -> str:
        """Return it as one line."""
        text = f"{self.done:,} of {self.total:,} done, {self.running:,} running"
        return f"{text}, {self.failed:,} failed" if self.failed else text


class Watch:
    """Watches one drive.

    Attributes:
        state: the run's, owned by the driver; None before the drive's first commit.
        began: called once, on the driver, when the first commit is durable and no body has started.
        recent: the last few failures, one line each.
    """

    def __init__(self) -> None:
        self.state: RunState | None = None
        self.began: Callable[[RunState], None] = lambda state: None
        self.recent: deque[str] = deque(maxlen=3)
        self._since = time.monotonic()

    def observe(self, state: RunState, events: list[Event]) -> None:
        """Take note of a commit; an observer of the drive."""
        if self.state is None:
            self._since = time.monotonic()
            self.state = state
            self.began(state)
        for event in events:
            if event.type in _FAILURES:
                self.recent.append(f"{event.task_id}: {event.fields.get('error', '')}")

    @property
    def seconds(self) -> float:
        """How long the drive has lasted."""
        return time.monotonic() - self._since

    def progress(self) -> Progress | None:
        """Look how far the run is; None before its first commit. Safe from any thread."""
        if self.state is None:
            return None
        graph = self.state.graph
        nodes = self.state.task_statuses()
        names: list[str] = []
        node = nodes.find(RUNNING)
        while node >= 0 and len(names) < _NAMES:
            names.append(graph.ids[node])
            node = nodes.find(RUNNING, node + 1)
        done = sum(nodes.count(status) for status in ENDED)
        failed = nodes.count(FAILED) + nodes.count(TIMED_OUT)
        return Progress(len(nodes), done, nodes.count(RUNNING), failed, names)


@contextmanager
def shown(watch: Watch, *, quiet: bool) -> Iterator[None]:
    """Show the progress of a drive while the block runs.

    The user's file is best imported inside the block: a log handler that it makes keeps the stream
    which it finds, and has to find the one that knows of the display.
    """
    if quiet:
        yield
    elif is_terminal():
        with _display(watch):
            yield
    else:
        with _lines(watch):
            yield


@contextmanager
def _display(watch: Watch) -> Iterator[None]:
    from rich.live import Live

    live = Live(
        console=console(),
        get_renderable=lambda: _picture(watch),
        refresh_per_second=_REFRESHES,
        transient=True,
        redirect_stderr=is_terminal(sys.stderr),
    )
    with live:
        try:
            yield
        finally:
            sys.stdout.flush()  # a line without an end would be lost when the display lets go of the streams
            sys.stderr.flush()


def _picture(watch: Watch) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    now = watch.progress()
    if now is None:
        return Text("loading", style="dim")
    head = Table.grid(padding=(0, 1))
    head.add_row(ProgressBar(max(now.total, 1), now.done, width=30), f"{now.line()}, {lasted(watch.seconds)}")
    texts = [(f"failed: {line}", "red") for line in watch.recent]
    if now.names:
        more = f" and {now.running - len(now.names):,} more" if now.running > len(now.names) else ""
        texts.insert(0, (f"running: {', '.join(now.names)}{more}", "cyan"))
    if _stopping():
        texts.append(("stopping: running tasks may finish for a moment; once more breaks off", "yellow"))
    lines = [Text(printable(text), style, overflow="ellipsis", no_wrap=True) for text, style in texts]
    return Group(head, *lines)


def _stopping() -> bool:
    """Whether the drive was asked to stop by a signal; its handler knows."""
    from durable.engine.stop import StopSignals

    handler = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return isinstance(handler, StopSignals) and handler.received is not None


@contextmanager
def _lines(watch: Watch) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=_print_lines, args=(watch, over), name="durable-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _print_lines(watch: Watch, over: threading.Event) -> None:
    last = None
    while not over.wait(LINE_SECONDS):
        now = watch.progress()
        if now is not None and now != last:
            with suppress(OSError, ValueError):  # nobody reads any more; the run goes on
                say(f"{now.line()} after {lasted(watch.seconds)}")
            last = now
