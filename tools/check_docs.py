"""Runs the code in the docs: README.md and docs/**/*.md, each page in a process and folder of its own.

A page becomes one script with every line where it stands in the page, so that tracebacks, ``__main__``
and the source of functions are what a reader would have:

- a ``python`` block is code; blocks share one namespace, in order;
- a ``console`` block: each line after ``$ `` is a command of the shell; it must exit 0, or N when
  ``# exits N`` ends the line or follows it; other lines are its output and are not compared;
- any block after ``<!-- file: NAME -->`` is written to that file instead;
- ``no-run`` after the language: Python is compiled only, commands are left out.

Usage: ``python -m tools.check_docs [PAGE...]``
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt

from tools import ROOT, isolated

SECONDS_A_PAGE = 120
FILE = re.compile(r"<!--\s*file:\s*(\S+)\s*-->")
EXITS = re.compile(r"(?:^|\s)# exits (\d+)\s*$")


class PageError(Exception):
    """A page cannot be turned into a script."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        line: number of the line with the opening fence, from 1.
        language: first word after the fence.
        flags: the words after it.
        file: the file that it is to be written to, or None.
        text: what it holds.
    """

    line: int
    language: str
    flags: frozenset[str]
    file: str | None
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page that the check is about."""
    file: str | None = None
    for token in MarkdownIt("commonmark").parse(page):
        if token.type == "fence" and token.map is not None:
            language, *flags = token.info.split() or [""]
            if file is not None or language in ("python", "console"):
                yield Block(token.map[0] + 1, language, frozenset(flags), file, token.content)
        if token.type != "html_block":
            file = None
        elif match := FILE.search(token.content):
            file = match[1]


def commands(text: str) -> Iterator[tuple[int, str, int]]:
    """Yield ``(offset of its line, command, expected exit code)`` of a console block."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        first, line = at, lines[at]
        at += 1
        if not line.startswith("$ "):
            continue
        command = line[2:]
        while command.endswith("\\") and at < len(lines):
            command = f"{command}\n{lines[at].removeprefix('> ')}"
            at += 1
        output = []
        while at < len(lines) and not lines[at].startswith("$ "):
            output.append(lines[at])
            at += 1
        found = EXITS.search(command) or next(filter(None, map(EXITS.match, output)), None)
        yield first, EXITS.sub("", command), int(found[1]) if found else 0


def file_name(block: Block) -> str:
    """Return where a file block is written; refuse a place outside the page's folder."""
    name = PurePosixPath(block.file or "")
    if name.is_absolute() or ".." in name.parts:
        raise PageError(f"line {block.line}: {name} is outside the page's folder")
    return str(name)


def script(page: str) -> str:
    """Return the script of a page; "" when nothing in it runs.

    Raises:
        PageError: a Python block does not compile, or a file is outside the folder.
    """
    lines = [""] * (page.count("\n") + 2)
    for block in blocks(page):
        if block.language == "python":
            try:
                compile("\n" * block.line + block.text, "page", "exec")
            except SyntaxError as error:
                raise PageError(f"line {error.lineno}: {error.msg}") from None
        if block.file is not None:
            lines[block.line - 1] = f"_page.write({file_name(block)!r}, {block.text!r})"
        elif "no-run" in block.flags:
            continue
        elif block.language == "python":
            code = block.text.splitlines()
            lines[block.line : block.line + len(code)] = code
        else:
            for offset, command, expected in commands(block.text):
                lines[block.line + offset] = f"_page.command({command!r}, {expected})"
    if not any(lines):
        return ""
    tool = str(Path(__file__).with_name("page.py"))
    lines[0] = f"_page = __import__('runpy').run_path({tool!r})['Page'](__name__)"
    return "\n".join(lines).rstrip() + "\n"


def check(path: Path, shown: str) -> tuple[bool, str]:
    """Run one page; return whether it is right, and what to tell."""
    try:
        code = script(path.read_text(encoding="utf-8"))
    except PageError as error:
        return False, f"FAILED {shown}: {error}"
    if not code:
        return True, f"    ok {shown}: nothing to run"
    with tempfile.TemporaryDirectory(prefix="durable-docs-") as folder:
        name = f"{path.stem.replace('-', '_').lower()}_page.py"
        file = Path(folder, name)
        file.write_text(code, encoding="utf-8")
        outcome = isolated.run([sys.executable, file], Path(folder), isolated.environment(), SECONDS_A_PAGE)
    if outcome.code:
        return False, f"FAILED {shown}: exit {outcome.code}\n{outcome.output.replace(str(file), shown)}"
    return True, f"    ok {shown}: {outcome.seconds:.1f} s"


def main(arguments: Sequence[str]) -> int:
    """Check the pages, two at a time; return the exit code."""
    pages = [Path(each).resolve() for each in arguments] or [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    names = [str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else str(page) for page in pages]
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for right, message in pool.map(check, pages, names):
            failed += not right
            print(message, flush=True)
    print(f"{len(pages)} pages, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
