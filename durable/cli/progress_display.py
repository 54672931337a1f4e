"""Progress of a drive: a live display on a terminal, now and then a line on stderr elsewhere.

The driver only hands over its state, once; the display looks at it by itself, and less often where a look takes
long. It must not slow the driver down or raise into it.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from durable.cli.formatting import lasted
from durable.cli.render import console, is_terminal, note, printable
from durable.runs.progress import Reporter, Watch, line, slowest

if TYPE_CHECKING:
    from rich.console import RenderableType

    from durable.core.progress import Progress

LINE_SECONDS = 30.0
"""Seconds between two lines of progress where there is no terminal."""
FIRST_SECONDS = 10.0
"""Seconds until the first of them, if it is not so long until the second."""

_REFRESHES = 4  # a second
_SHARE = 50
"""A look may take one of so many seconds."""


@contextmanager
def shown(watch: Watch, *, quiet: bool, every: float = LINE_SECONDS) -> Iterator[None]:
    """Show the progress of a drive while the block runs.

    The user's file is best imported inside the block: a log handler that it makes keeps the stream
    which it finds, and has to find the one that knows of the display.

    Args:
        watch: watches the drive.
        quiet: show nothing.
        every: seconds between two lines where there is no terminal; 0 for none.
    """
    terminal = is_terminal()
    if quiet or (not terminal and not every):
        yield
        return
    with _not_logged(), _display(watch) if terminal else _lines(watch, every):
        yield


@contextmanager
def _not_logged() -> Iterator[None]:
    """Leave to the display what would be logged as well."""
    import logging

    logger = logging.getLogger("durable.progress")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


@contextmanager
def _display(watch: Watch) -> Iterator[None]:
    from rich.live import Live

    view = _Display(watch)
    live = Live(
        console=console(),
        get_renderable=view.picture,
        refresh_per_second=_REFRESHES,
        transient=True,
        redirect_stderr=is_terminal(sys.stderr),
    )
    with live:
        try:
            yield
        finally:
            sys.stdout.flush()  # a line without an end would be lost when the display releases the streams
            sys.stderr.flush()


class _Display:
    """What is shown on a terminal, several times a second."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._now: Progress | None = None
        self._next = 0.0

    def picture(self) -> RenderableType:
        """Return what is to be seen now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        now = self._look()
        if now is None:
            return Text("loading", style="dim")
        head = Table.grid(padding=(0, 1))
        counts = msgspec.structs.replace(now, slowest=())  # they have a line of their own
        head.add_row(
            ProgressBar(max(now.total, 1), now.done, width=30), f"{line(counts)}, {lasted(self._watch.seconds)}"
        )
        texts = [(f"failed: {failed.id}: {failed.error}", "red") for failed in now.failures[::-1]]
        if now.slowest:
            texts.insert(0, (f"running: {slowest(now)}", "cyan"))
        if _stopping():
            texts.append(("stopping: running tasks get a moment to finish; a second signal stops at once", "yellow"))
        lines = [Text(printable(text), style, overflow="ellipsis", no_wrap=True) for text, style in texts]
        return Group(head, *lines)

    def _look(self) -> Progress | None:
        """Look how far the run is, unless the last look was so long that it has to last."""
        if time.monotonic() >= self._next:
            began = time.thread_time()
            self._now = self._watch.progress()
            self._next = time.monotonic() + _SHARE * (time.thread_time() - began)
        return self._now


def _stopping() -> bool:
    """Whether the drive was asked to stop by a signal; its handler knows."""
    from durable.engine.shutdown import StopSignals

    handler = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return isinstance(handler, StopSignals) and handler.received is not None


@contextmanager
def _lines(watch: Watch, every: float) -> Iterator[None]:
    said: list[int] = []

    def say(now: Progress) -> None:
        said[:] = [now.done]
        with suppress(OSError, ValueError):  # nobody reads any more; the run goes on
            note(printable(f"after {lasted(watch.seconds)}: {line(now)}"))

    try:
        with Reporter(watch.progress, say, watch.clock, min(FIRST_SECONDS, every), every):
            yield
    finally:
        last = watch.progress() if said else None
        if last is not None and last.done != said[0]:
            say(last)
