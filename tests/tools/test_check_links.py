"""Links are checked down to the heading, with the anchors that code hosts give."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_links import anchors, check, slug


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Plain words", "plain-words"),
        ("What's `ctx.step`, really?", "whats-ctxstep-really"),
        ("a_b — c", "a_b--c"),
    ],
)
def test_a_heading_makes_its_anchor(heading: str, anchor: str) -> None:
    assert slug(heading.replace("`", "")) == anchor


def test_anchors_number_repeats_and_take_explicit_ids() -> None:
    text = '# One `two`\n\n## Same\n\n## Same\n\n<a id="here"></a>\n\n```md\n# Not a heading\n```\n'
    assert anchors(text) == {"one-two", "same", "same-1", "here"}


def test_broken_links_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/two.md").write_text("# Two\n\n[back](../one.md#one) [self](#two)\n", encoding="utf-8")
    lines = [
        "# One",
        "[good](docs/two.md#two) [site](https://example.org/x) [folder](docs)",
        "",
        "[gone](docs/three.md)",
        "",
        "[heading](docs/two.md#three) ![image](x.png)",
        "",
        "[out](../secret.md) [root](/docs/two.md)",
        "",
        "`[code](not/a/link.md)`",
    ]
    (tmp_path / "one.md").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/ignored.md").write_text("[x](nowhere)", encoding="utf-8")
    count, broken = check(tmp_path)
    assert count == 10
    assert [line.split(": ")[0:2] for line in broken] == [
        ["one.md:4", "docs/three.md"],
        ["one.md:6", "docs/two.md#three"],
        ["one.md:6", "x.png"],
        ["one.md:8", "../secret.md"],
        ["one.md:8", "/docs/two.md"],
    ]


def test_paths_in_code_have_to_be_in_the_project(tmp_path: Path) -> None:
    """In ``durable/`` or beside the page will do; what tells history may name what is gone."""
    for name in ("durable/core/fold.py", "docs/decisions/0001.md", "docs/one.md", "docs/notes/two.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    named = "`durable/core/fold.py` `core/fold.py` `durable/core/` `notes/two.py` `durable/core/NAME.py` `a/b.txt`"
    (tmp_path / "docs/one.md").write_text(f"{named}\n\n`core/gone.py` `tools/` `durable/x.py`", encoding="utf-8")
    (tmp_path / "docs/decisions/0001.md").write_text("`core/gone.py`", encoding="utf-8")
    count, wrong = check(tmp_path)
    assert count == 8
    assert [line.split(": ")[1] for line in wrong] == ["core/gone.py", "tools/", "durable/x.py"]
