"""What programs and people rely on stands in the docs, and what the docs name is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import durable
import durable.testing
from durable import errors
from durable.cli import exit_codes, main
from durable.core.catalogue import EVENTS
from durable.prompts import errors as prompt_errors
from durable.values.packing import MAX_PAYLOAD
from tools import api_page

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
SOURCES = [path for folder in ("durable", "stores") for path in sorted((ROOT / folder).rglob("*.py"))]
PAGES = {
    path.relative_to(ROOT): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "decisions" not in path.parts
}
VARIABLE = re.compile(r"DURABLE_[A-Z_]+")
FOR_OTHERS = {"durable/testing/crash/forkserver.py", "durable/testing/crash/processes.py"}
"""Files that hand the whole environment on to processes that they start, and read none of it."""


def rows(page: str) -> dict[str, list[str]]:
    """Return the rows of a reference's tables, without marks, by their first cell."""
    lines = (REFERENCE / page).read_text(encoding="utf-8").splitlines()
    cells = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| "))
    return {first.strip("`"): rest for first, *rest in cells}


def read_variables(tree: ast.AST) -> Iterator[str]:
    """Yield the names of the variables that a file reads; "?" for every other use of the environment."""
    known: set[ast.AST] = set()
    for node in ast.walk(tree):  # from outside to inside
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv", "environ.get"):
            known.update(ast.walk(node.func))
            yield node.args[0].value if isinstance(node.args[0], ast.Constant) else "?"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value):
            yield node.value
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv") and node not in known:
            yield "?"
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from ("?" for alias in node.names if alias.name in ("environ", "getenv"))


def variables() -> set[str]:
    """Return the names of all variables that the sources read."""
    found: set[str] = set()
    for path in SOURCES:
        name, names = str(path.relative_to(ROOT)), set(read_variables(ast.parse(path.read_text(encoding="utf-8"))))
        if name in FOR_OTHERS:
            assert names == {"?"}, name
        elif name == "durable/values/packing.py":  # goes around os.environ, which is slow; names its key itself
            assert names == {"?", "DURABLE_SIGNING_KEY", "DURABLE_MAX_PAYLOAD"}
            found |= names - {"?"}
        else:
            assert "?" not in names, f"{name} reads the environment in a way that this test does not understand"
            found |= names
    return found


def test_every_environment_variable_stands_in_the_docs() -> None:
    """Those that the sources read, and no others; also elsewhere in the docs only those are named."""
    known = variables()
    assert {"DURABLE_STORE", "NO_COLOR"} <= known
    table = rows("environment.md")
    assert set(table) - {"variable", "---"} == known
    assert f"{MAX_PAYLOAD}" in table["DURABLE_MAX_PAYLOAD"][-1]
    named = {name for text in PAGES.values() for name in VARIABLE.findall(text)}
    assert named <= known


def test_every_exit_code_stands_in_the_docs() -> None:
    """In the reference in the same words, and in the page that shows the commands."""
    shown = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    codes = re.findall(r"^\| (\d+) \|", shown, re.MULTILINE)
    assert codes == [str(code) for code in exit_codes.MEANINGS]
    table = rows("cli.md")
    assert [table[str(code)] for code in exit_codes.MEANINGS] == [
        [f"{meaning} |".removesuffix(" |")] for meaning in exit_codes.MEANINGS.values()
    ]


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_has_its_section(name: str) -> None:
    """With every field that it may have."""
    page = (REFERENCE / "events.md").read_text(encoding="utf-8")
    section = page.split(f"\n### {name}\n")[1].split("\n### ")[0]
    assert EVENTS[name].meaning in section
    assert [field for field in EVENTS[name].fields if f"`{field}`" not in section] == []


@pytest.mark.parametrize("module", [errors, prompt_errors])
def test_every_error_says_when_it_comes_and_what_to_do(module: object) -> None:
    """In its docstring, of which the table is made."""
    table = rows("errors.md")
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, BaseException)]
    assert kinds
    for kind in kinds:
        _, when, what = table[kind.__name__]
        assert when.endswith("."), kind
        assert what.removesuffix(" |") == api_page.what_to_do(kind) != ""


def test_every_option_stands_in_the_reference_and_no_other_in_the_guides() -> None:
    """What a guide calls a command with is an option of that command."""
    options = dict(_options())
    reference = PAGES[Path("docs/reference/cli.md")]
    for name, known in options.items():
        section = reference.split(f"\n## durable {name}\n")[1].split("\n## ")[0]
        assert [option for option in known if option not in section] == [], name
    wrong = [
        (str(page), name, option)
        for page, text in PAGES.items()
        for name, words in re.findall(r"\bdurable ([a-z]+)\b([^\n`|]*)", text)
        if name in options
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", words.partition(" # ")[0].partition("&&")[0])
        if option not in options[name]
    ]
    assert wrong == []


def _options() -> Iterator[tuple[str, set[str]]]:
    with click.Context(main) as ctx:
        for name in main.list_commands(ctx):
            command = main.get_command(ctx, name)
            assert command is not None
            with click.Context(command, info_name=name) as inner:
                found = command.get_params(inner)
            yield name, {word for option in found if isinstance(option, click.Option) for word in option.opts}


@pytest.mark.parametrize("module", [durable, durable.testing])
def test_every_public_name_stands_in_the_docs(module: object) -> None:
    text = "\n".join(PAGES.values())
    assert [name for name in module.__all__ if not re.search(rf"\b{name}\b", text)] == []  # type: ignore[attr-defined]


def test_every_public_name_has_its_subject() -> None:
    """The page of public names leaves none out, and has none that is gone."""
    assert api_page.unplaced() == set()
