"""Every command explains itself, cheaply, and stands in the docs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from durable.cli import exit_codes, main
from durable.cli.main import COMMANDS

HEAVY = ("rich", "durable.runs.start", "durable.engine", "msgspec", "sqlite3", "asyncio")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def commands() -> list[tuple[str, click.Command]]:
    found = []
    with click.Context(main) as ctx:
        for name in main.list_commands(ctx):
            command = main.get_command(ctx, name)
            assert command is not None
            found.append((name, command))
    return found


def test_every_command_has_help_with_an_example() -> None:
    for name, command in commands():
        assert command.help, name
        assert command.short_help, name
        assert f"\b\ndurable {name}" in inspect.cleandoc(command.help), f"{name} has no example"


def test_every_option_has_help() -> None:
    lacking = [
        f"{name} {option.name}"
        for name, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert lacking == []


def test_every_command_and_option_stands_in_the_reference() -> None:
    page = PAGE.read_text()
    for name, command in commands():
        section = page.split(f"\n## durable {name}\n")[1].split("\n## ")[0]
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.opts[-1] in section, f"{name} {option.opts}"


def test_the_help_lists_every_exit_code() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    codes = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert codes == set(exit_codes.MEANINGS)
    for code, meaning in exit_codes.MEANINGS.items():
        assert f"{code:>3}  {meaning}" in shown


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_loads_neither_the_engine_nor_rich(words: list[str]) -> None:
    code = (
        "import sys\nfrom durable.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_only_the_command_that_is_used_is_imported() -> None:
    code = (
        "import sys\nfrom durable.cli import main\ntry: main(['runs', '--help'])\nexcept SystemExit: pass\n"
        "print(sorted(name for name in sys.modules if name in {f'durable.cli.commands.{c}' for c in "
        f"{COMMANDS!r}" "}))"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['durable.cli.commands.runs']"


def test_version_is_printed() -> None:
    from durable import __version__

    assert CliRunner().invoke(main, ["--version"]).output == f"durable {__version__}\n"


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["frobnicate"]).exit_code == exit_codes.USAGE
