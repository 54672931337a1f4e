"""The command line, one file a command. It must not fold, decide or drive; that is asked of ``durable.runs.start``."""

from durable.cli.main import main

__all__ = ["main"]
