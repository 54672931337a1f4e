"""Options that several commands share, so that each means the same everywhere. It must not open anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

store_option = click.option(
    "--store",
    metavar="URL",
    help="Store of the logs: sqlite:///runs.db or a path. [default: $DURABLE_STORE, else .durable/runs.db]",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help='Print one JSON document and nothing else; errors as {"error": ...}.'
)
run_argument = click.argument("run_id", metavar="RUN")
grace_option = click.option(
    "--grace",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=5.0,
    show_default=True,
    help="How long running tasks may continue after Ctrl-C or SIGTERM.",
)
wait_option = click.option(
    "--wait", is_flag=True, help="Stay until the end, also while a run waits for people, signals or timers."
)
progress_option = click.option(
    "--progress",
    "every",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="Seconds between lines of progress on stderr when the output is no terminal; 0 for none.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
limit_option = click.option(
    "--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Tasks shown at most; 0 for all."
)
file_option = click.option(
    "--file", "target", metavar="FILE[:WORKFLOW]", help="Take the workflow from this file, not from the recorded one."
)


def _start_logging(_ctx: click.Context, _option: click.Parameter, value: int) -> None:
    from durable.cli.logging_setup import start_logging

    start_logging(value)


verbose_option = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    callback=_start_logging,
    help="Log to stderr what durable does; -vv logs more.",
)


def actor_options(function: F) -> F:
    """Add --actor and --reason, which are recorded."""
    function = click.option("--reason", metavar="TEXT", help="Why; recorded in the log.")(function)
    return click.option(
        "--actor", "--by", "actor", metavar="NAME", help="Who asks; recorded in the log. [default: your login name]"
    )(function)


def asking(actor: str | None) -> str | None:
    """Return who asks: the name given, else the login name, else None."""
    if actor is not None:
        return actor
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in some containers
        return None
