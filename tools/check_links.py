"""Checks the relative links of all Markdown files: the file is there, and so is the heading.

Paths of the project that stand in `code` are checked too, so that a table of places cannot fall behind the tree. Not in
what tells history: decisions and the changelog name files as they were.

Links to other sites are not followed: the gate must not depend on a network.

Usage: ``python -m tools.check_links``
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools import ROOT

SKIPPED = {"build", "dist", "node_modules"}
ANCHOR = re.compile(r"""<\w+[^>]*\s(?:id|name)=["']([^"']+)["']""")
PATH = re.compile(r"(?:durable|stores|tests|tools|docs|examples|benchmarks)(?:/[\w.-]+)*/?|[a-z_]+/[a-z_]+\.py")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def slug(heading: str) -> str:
    """Return the anchor that code hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def tokens(text: str) -> Iterator[Token]:
    """Yield all tokens of a page; a token inside a line gets the map of its line."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        for child in token.children or []:
            child.map = token.map
            yield child


def anchors(text: str) -> set[str]:
    """Return the anchors of a page: its headings, repeats numbered, and explicit ids."""
    found: set[str] = set()
    repeats: dict[str, int] = {}
    heading = False
    for token in tokens(text):
        if token.type == "inline" and heading:
            plain = "".join(
                child.content for child in token.children or [] if child.type in ("text", "code_inline", "softbreak")
            )
            name = slug(plain)
            number = repeats.get(name, -1) + 1
            repeats[name] = number
            found.add(f"{name}-{number}" if number else name)
        elif token.type in ("html_block", "html_inline"):
            found.update(ANCHOR.findall(token.content))
        if token.type in ("heading_open", "heading_close"):
            heading = token.type == "heading_open"
    return found


def links(text: str) -> Iterator[tuple[int, str]]:
    """Yield ``(line, target)`` of a page's links and images."""
    for token in tokens(text):
        target = token.attrGet("href") if token.type == "link_open" else None
        target = token.attrGet("src") if token.type == "image" else target
        if isinstance(target, str):
            yield (token.map or [0])[0] + 1, unquote(target)


def paths(text: str) -> Iterator[tuple[int, str]]:
    """Yield ``(line, path)`` of the project's files and folders that a page names in code."""
    for token in tokens(text):
        if token.type == "code_inline" and PATH.fullmatch(token.content):
            yield (token.map or [0])[0] + 1, token.content


@cache
def _anchors_of(page: Path) -> set[str]:
    return anchors(page.read_text(encoding="utf-8"))


def problem(page: Path, target: str, root: Path) -> str | None:
    """Return what is wrong with a link of a page, or None."""
    if ELSEWHERE.match(target):
        return None
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if name.startswith("/"):
        return "a link from the server's root; use a relative one"
    if not file.is_relative_to(root):
        return "it leads out of the project"
    if not file.exists():
        return "no such file"
    if anchor and file.suffix == ".md" and anchor not in _anchors_of(file):
        return f"no heading #{anchor} in {file.relative_to(root)}"
    return None


def is_history(page: Path) -> bool:
    """Return whether a page tells how things were."""
    return page.name == "CHANGELOG.md" or page.parent.name == "decisions"


def is_there(path: str, page: Path, root: Path) -> bool:
    """Return whether a path is in the project, in ``durable/`` or beside the page; capitals stand for any name."""
    pattern = re.sub(r"[A-Z]{2,}", "*", path)
    return any(base.exists() and any(base.glob(pattern)) for base in (root, root / "durable", page.parent))


def pages(root: Path) -> list[Path]:
    """Return the project's Markdown files, without hidden and built folders."""
    found = []
    for page in root.rglob("*.md"):
        parts = page.relative_to(root).parts
        if not any(part.startswith(".") or part in SKIPPED for part in parts):
            found.append(page)
    return sorted(found)


def check(root: Path) -> tuple[int, list[str]]:
    """Return how many links there are and one line for each that is broken."""
    count = 0
    broken = []
    for page in pages(root):
        for line, target in links(page.read_text(encoding="utf-8")):
            count += 1
            if wrong := problem(page, target, root):
                broken.append(f"{page.relative_to(root)}:{line}: {target}: {wrong}")
        for line, path in paths(page.read_text(encoding="utf-8")) if not is_history(page) else ():
            count += 1
            if not is_there(path, page, root):
                broken.append(f"{page.relative_to(root)}:{line}: {path}: not in the project")
    return count, broken


def main() -> int:
    """Check the whole project; return the exit code."""
    count, broken = check(ROOT)
    for line in broken:
        print(line)
    print(f"{count} links and paths, {len(broken)} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
