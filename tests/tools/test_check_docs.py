"""Pages become scripts whose lines stand where they stand in the page, and run as a reader would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_docs import PageError, check, commands, script


def page(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "a-page.md"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_blocks_share_a_namespace_and_keep_their_lines(tmp_path: Path) -> None:
    lines = [
        "# Title",
        "",
        "```python",
        "x = 1",
        "```",
        "text",
        "1. in a list",
        "",
        "   ```python",
        "   x += 1 / 0",
        "   ```",
    ]
    right, message = check(page(tmp_path, *lines), "a-page.md")
    assert not right
    assert 'File "a-page.md", line 10' in message
    assert "ZeroDivisionError" in message


def test_console_sees_written_files_and_earlier_code(tmp_path: Path) -> None:
    lines = [
        "# Title",
        "<!-- file: sub/hello.py -->",
        "```python",
        "print(open('made.txt').read())",
        "```",
        "```python",
        "open('made.txt', 'w').write('made by code')",
        "```",
        "```console",
        "$ python sub/hello.py | \\",
        "> grep made",
        "whatever is shown here is not compared",
        "$ exit 3",
        "# exits 3",
        "```",
        "```python",
        "assert open('made.txt').read() == 'made by code'",
        "```",
    ]
    right, message = check(page(tmp_path, *lines), "a")
    assert right, message


def test_a_command_with_another_exit_code_fails_the_page(tmp_path: Path) -> None:
    right, message = check(page(tmp_path, "# T", "```console", "$ kill -9 $$", "# exits 1", "```"), "a")
    assert not right
    assert "exited 137, not 1" in message


def test_main_is_the_page_and_its_functions_have_source(tmp_path: Path) -> None:
    code = [
        "import inspect, pickle",
        "class Thing:",
        "    pass",
        "assert 'class Thing' in inspect.getsource(Thing)",
        "assert type(pickle.loads(pickle.dumps(Thing()))) is Thing",
        "assert __name__ == '__main__'",
    ]
    right, message = check(page(tmp_path, "# T", "```python", *code, "```"), "a")
    assert right, message


def test_no_run_is_compiled_and_nothing_else() -> None:
    assert script("```python no-run\n1 / 0\n```\n```console no-run\n$ false\n```\n") == ""
    with pytest.raises(PageError, match="line 3"):
        script("# T\n```python no-run\n1 +\n```\n")


def test_other_languages_are_left_alone() -> None:
    assert script("# T\n\n```sh\nmake setup\n```\n\n    indented code\n") == ""


@pytest.mark.parametrize("name", ["../x.py", "/tmp/x.py"])
def test_a_file_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(PageError, match="outside"):
        script(f"<!-- file: {name} -->\n```text\nx\n```\n")


def test_exit_codes_stand_on_the_line_or_below() -> None:
    text = "$ one\n$ two # exits 2\noutput\n$ three\n...\n# exits 3\n"
    assert list(commands(text)) == [(0, "one", 0), (1, "two", 2), (3, "three", 3)]
