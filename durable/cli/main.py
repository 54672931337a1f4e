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

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print the errors that it raises."""
        from durable.cli.errors import ImportFailed, report
        from durable.errors import DurableError

        as_json = "--json" in ctx.args
        try:
            code = super().invoke(ctx)
        except KeyboardInterrupt:
            code = exit_codes.SIGINT
        except (DurableError, ImportFailed) as error:
            code = report(error, as_json)
        except click.ClickException as error:
            if not as_json:
                raise
            code = report(error, as_json)
        if code:
            ctx.exit(code)


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
