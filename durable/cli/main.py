"""The group of all commands: finds them lazily, and turns errors into text and exit codes.

Only the command that is used is imported, and no command imports the engine before it runs. It must
not know what a command does.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from durable._version import __version__
from durable.cli import exit_codes

COMMANDS = (
    "run", "resume", "runs", "show", "log", "plan", "waiting", "answer", "signal", "fork", "verify", "prune",
    "cancel", "terminate",
)  # fmt: skip
"""Names of the commands; each is the ``command`` of the module that has its name."""


class Commands(click.Group):
    """A group whose commands are imported when they are used; what they return is the exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names, the most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"durable.cli.commands.{cmd_name}").command
        return command

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        """Read the words before the command; what is wrong with them is printed as JSON if that is asked for."""
        as_json = "--json" in args
        try:
            return super().make_context(info_name, args, *rest, **extra)
        except click.ClickException as error:
            if not as_json:
                raise
            raise click.exceptions.Exit(_report(error)) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print the errors that it raises."""
        as_json = "--json" in ctx.args
        try:
            _check_text(ctx.args)
            code = super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt as stop:
            code = _report(stop) if as_json else exit_codes.SIGINT
        except Exception as error:
            if not as_json and not _explained(error):
                raise
            code = _report(error, as_json)
        if code:
            ctx.exit(code)


def _check_text(words: list[str]) -> None:
    """Refuse bytes that are no UTF-8: no store could keep them, not even as a name. Raises ``click.UsageError``."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise click.UsageError(f"{word!a} is not UTF-8.") from None


def _explained(error: Exception) -> bool:
    """Whether the text of an error is enough for people; click prints its own, and of a bug they need the traceback."""
    from durable.cli.errors import ImportFailed
    from durable.errors import DurableError

    return isinstance(error, (DurableError, ImportFailed))


def _report(error: BaseException, as_json: bool = True) -> int:
    from durable.cli.errors import report

    return report(error, as_json)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"\b\n{exit_codes.table()}\n\nEvery command has its own help and examples: durable run --help",
)
@click.version_option(__version__, "-V", "--version", prog_name="durable", message="%(prog)s %(version)s")
def main() -> None:
    """Run workflows that survive, and look into their logs.

    \b
    durable run etl.py          run the workflow in etl.py; the same again resumes it where it was killed
    durable runs                what has run
    durable show RUN            what became of each task
    durable plan RUN            what a resume would do, and why
    durable resume              resume everything that can be resumed
    durable waiting             what runs wait for; durable answer RUN answers a question
    durable prune               delete the events of old runs, keep their summaries

    Logs are kept in the store that --store names, else the variable DURABLE_STORE, else .durable/runs.db.
    """
