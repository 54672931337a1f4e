"""Prompt files: their shape, and that whatever is wrong is named with file and line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from durable.prompts import Prompt, PromptError
from durable.prompts.files import parse_prompts

FILE = "/prompts/greet.yaml"


def read(text: str | bytes) -> list[Prompt]:
    return parse_prompts("greet", FILE, text if isinstance(text, bytes) else text.encode())


def test_a_file_is_a_list_of_entries() -> None:
    """Label, version and template are what the file says; the template keeps its line breaks."""
    found = read(
        "- version: 2\n  label: staging\n  template: |\n    Hi {{ name }},\n    bye\n- {version: 1, template: a}\n"
    )
    assert [(each.name, each.label, each.version, each.template) for each in found] == [
        ("greet", "staging", 2, "Hi {{ name }},\nbye\n"),
        ("greet", "production", 1, "a"),
    ]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("3", 3), ("'3'", 3), ("1.10", "1.10"), ('"1.2.0"', "1.2.0"), ("2026.01", "2026.01"), ("0", 0)],
)
def test_a_version_is_what_is_written(written: str, read_as: int | str) -> None:
    """1.10 stays 1.10, although YAML takes it for the number 1.1."""
    assert read(f"- version: {written}\n  template: a\n")[0].version == read_as


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    """Editors put it there."""
    assert read(b"\xef\xbb\xbf- version: 1\n  template: a\n")[0].template == "a"


ENTRY = "- version: 1\n  template: a\n"
WRONG = {
    "empty file": ("", 1, "no list of entries"),
    "only a comment": ("# nothing\n", 1, "no list of entries"),
    "empty list": ("# none yet\n[]\n", 2, "no list of entries"),
    "a mapping": ("prompts:\n- version: 1\n  template: a\n", 1, "no list of entries"),
    "an entry without keys": (ENTRY + "- hello\n", 3, "no keys"),
    "no version": ("- template: a\n", 1, "no version"),
    "no template": (ENTRY + "- version: 2\n", 3, "no template"),
    "unknown key": ("- version: 1\n  lable: x\n  template: a\n", 2, "'lable' is not a key"),
    "key that is no text": ("- ? [a]\n  : b\n", 1, "not a key"),
    "key twice": ("- version: 1\n  template: a\n  template: b\n", 3, "'template' is there twice"),
    "word as version": ("- version: new\n  template: a\n", 1, "'new' is not a version"),
    "date as version": ("- version: 2026-01-01\n  template: a\n", 1, "'2026-01-01' is not a version"),
    "octal version": ("- version: 010\n  template: a\n", 1, "'010' is not a version"),
    "negative version": ("- version: -1\n  template: a\n", 1, "'-1' is not a version"),
    "list as version": ("- version: [1]\n  template: a\n", 1, "not a version"),
    "endless version": (f"- version: {'9' * 5000}\n  template: a\n", 1, "not a version"),
    "same version and label": (ENTRY + ENTRY, 3, "there already, in line 1"),
    "same version, written otherwise": (
        "- version: 1.2\n  template: a\n- version: 1.2.0\n  template: a\n",
        3,
        "there already, in line 1",
    ),
    "two kinds of versions": (ENTRY + "- version: 1.1\n  template: b\n", 3, "1 and 1.1 cannot be compared"),
    "empty template": ("- version: 1\n  template:\n", 2, "template is empty"),
    "blank template": ("- version: 1\n  template: '  '\n", 2, "template is empty"),
    "number as template": ("- version: 1\n  template: 5\n", 2, "template is not a text"),
    "label that is no text": ("- version: 1\n  label: no\n  template: a\n", 2, "label is not a text"),
    "empty label": ("- version: 1\n  label: ''\n  template: a\n", 2, "label is empty"),
    "lone surrogate": ('- version: 1\n  template: "\\ud800"\n', 2, "surrogates"),
    "tab": ("- version: 1\n\ttemplate: a\n", 2, "not YAML"),
    "quotes not closed": ("- version: 1\n  template: 'a\n", 3, "not YAML"),
    "two documents": (ENTRY + "---\n" + ENTRY, 3, "not YAML"),
    "control character": ("- version: 1\n  template: a\x01\n", 2, "not YAML"),
    "nested too deeply": ("[" * 5000, 1, "not YAML"),
    "not UTF-8": (b"- version: 1\n  template: \xff\n", 2, "not UTF-8"),
    "a Python object": ("- version: 1\n  template: !!python/name:os.system x\n", 2, "template is not a text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_file_and_line(case: str) -> None:
    """Every wrong file gives a PromptError that says where, what, and what to do."""
    text, line, message = WRONG[case]
    with pytest.raises(PromptError) as caught:
        read(text)
    assert str(caught.value).startswith(f"prompt file {FILE}, line {line}: ")
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "line", ["{{name}} text", "{{ name }}", "Hi {{name}}: you", "{% if a %}b{% endif %}", "{{ name"]
)
def test_braces_outside_of_a_block_get_the_hint_to_use_one(line: str) -> None:
    """YAML takes {{ for a mapping: the usual mistake has its own hint."""
    with pytest.raises(PromptError, match=r"template: \|") as caught:
        read(f"- version: 1\n  template: {line}\n")
    assert "line 2: " in caught.value.message or line == "{{ name"


def test_a_template_is_not_cut_off_at_a_hash() -> None:
    """YAML would silently drop " #5"; in a block and in quotes it is text."""
    with pytest.raises(PromptError, match=r"line 2: .* comment: #\{\{ number \}\}") as caught:
        read("- version: 1\n  template: Sum up issue #{{ number }}\n")
    assert "template: |" in str(caught.value)
    assert read("- version: 1\n  template: 'issue #5' # fine\n")[0].template == "issue #5"
    assert read("- version: 1\n  template: |\n    issue #5\n")[0].template == "issue #5\n"


def test_a_file_makes_no_objects(tmp_path: Path) -> None:
    """A YAML tag that would run code is refused and runs nothing."""
    trace = tmp_path / "trace"
    with pytest.raises(PromptError):
        read(f"- version: 1\n  template: !!python/object/apply:os.mkdir ['{trace}']\n")
    assert not trace.exists()


def test_without_pyyaml_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said, not only what could not be imported."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(PromptError, match=r"pip install 'durable-runs\[prompts\]'"):
        read(ENTRY)
