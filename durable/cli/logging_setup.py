"""Log records of durable on stderr. It must not touch the logging that a program sets up for itself."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stderr`` is at that moment, so that the live display stays whole."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))
        self.addFilter(lambda _: not logging.getLogger().handlers)  # else the program's own handlers show it

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """The present stderr."""
        return sys.stderr


def start_logging(verbosity: int) -> None:
    """Show records of ``durable`` on stderr.

    Args:
        verbosity: 0 for warnings, 1 for what happens, 2 for details.
    """
    logger = logging.getLogger("durable")
    logger.setLevel(_LEVELS[min(verbosity, len(_LEVELS) - 1)])
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        logger.addHandler(_StderrHandler())
