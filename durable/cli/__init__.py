"""The command line: ``commands/`` has one file a command, beside it stands what several commands share.

It must not fold, decide or drive: it asks ``durable.runs``.
"""

from durable.cli.main import main

__all__ = ["main"]
