"""The manager: finds prompts, refuses to leave its folder, reads a file once and again when it has changed."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from durable.prompts import PromptError, PromptNotFound, YAMLPromptManager, manager


def write(path: Path, text: str, seconds: int = 1) -> None:
    """Write a prompt file with one version, changed so many seconds after 1970."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"- version: 1\n  template: {text}\n", encoding="utf-8")
    os.utime(path, (seconds, seconds))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the prompts whose files were read, in order."""
    names: list[str] = []
    real = manager.parse_prompts

    def parse(name: str, file: str, data: bytes) -> Any:
        names.append(name)
        return real(name, file, data)

    monkeypatch.setattr(manager, "parse_prompts", parse)
    return names


def test_prompts_are_found_by_name(tmp_path: Path) -> None:
    """Both endings, and sub-folders; hidden files and other files are no prompts."""
    for name in ("greet.yaml", "mail/reply.yml", "v1.2.yaml", ".hidden.yaml", ".git/x.yaml", "notes.txt"):
        write(tmp_path / name, f"from {name}")
    prompts = YAMLPromptManager(tmp_path)
    assert prompts.names() == ["greet", "mail/reply", "v1.2"]
    assert [prompts.get_prompt(name).render() for name in prompts.names()] == [
        "from greet.yaml",
        "from mail/reply.yml",
        "from v1.2.yaml",
    ]


def test_label_and_version_choose(tmp_path: Path) -> None:
    """By position too, in that order."""
    text = "- {version: 1, template: a}\n- {version: 2, template: b}\n- {version: 3, label: staging, template: c}\n"
    (tmp_path / "p.yaml").write_text(text)
    prompts = YAMLPromptManager(str(tmp_path))
    assert prompts.get_prompt("p").version == 3
    assert prompts.get_prompt("p", "production").version == 2
    assert prompts.get_prompt("p", version=1).template == "a"
    with pytest.raises(PromptNotFound, match=r"no entry with version 3 and label 'production' in .*/p\.yaml"):
        prompts.get_prompt("p", label="production", version=3)


def test_a_missing_prompt_names_the_path_and_what_there_is(tmp_path: Path) -> None:
    """It is a LookupError, and a PromptError."""
    write(tmp_path / "greet.yaml", "a")
    with pytest.raises(PromptNotFound) as caught:
        YAMLPromptManager(tmp_path).get_prompt("great")
    assert f"{tmp_path}/great.yaml does not exist" in caught.value.message
    assert caught.value.hint == "There are: greet"
    assert isinstance(caught.value, LookupError)


def test_a_missing_folder_is_found_at_once(tmp_path: Path) -> None:
    """Not only when the first prompt is asked for."""
    with pytest.raises(PromptNotFound, match="there is no prompt folder"):
        YAMLPromptManager(tmp_path / "promts")


OUTSIDE: list[Any] = [
    "..", "../secret", "a/../../secret", "./greet", "/etc/passwd", "", "a//b", "a/", "greet\0", "..\\secret", ".hidden",
    "\ud800", None, 1, b"greet",
]  # fmt: skip


@pytest.mark.parametrize("name", [*OUTSIDE, "ABSOLUTE"])
def test_a_name_cannot_leave_the_folder(name: Any, tmp_path: Path) -> None:
    """Whether or not there is a file: the name itself is refused."""
    for there in ("secret.yaml", "in/greet.yaml", "in/.hidden.yaml", "in/a/b.yaml"):
        write(tmp_path / there, "a")
    prompts = YAMLPromptManager(tmp_path / "in")
    with pytest.raises(PromptError, match="is not a name of a prompt") as caught:
        prompts.get_prompt(f"{tmp_path}/secret" if name == "ABSOLUTE" else name)
    assert not isinstance(caught.value, PromptNotFound)


def test_a_file_is_read_once(tmp_path: Path, reads: list[str]) -> None:
    """As long as it does not change, the same prompt comes back."""
    write(tmp_path / "p.yaml", "a")
    prompts = YAMLPromptManager(tmp_path)
    assert prompts.get_prompt("p") is prompts.get_prompt("p")
    assert reads == ["p"]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Told by the time of change, the size, or the inode, each alone."""
    path = tmp_path / "p.yaml"
    write(path, "a", seconds=1)
    prompts = YAMLPromptManager(tmp_path)
    assert prompts.get_prompt("p").template == "a"
    write(path, "b", seconds=2)
    assert prompts.get_prompt("p").template == "b", "time"
    write(path, "cc", seconds=2)
    assert prompts.get_prompt("p").template == "cc", "size"
    write(tmp_path / "new", "dd", seconds=2)
    os.replace(tmp_path / "new", path)
    assert prompts.get_prompt("p").template == "dd", "inode"
    path.rename(tmp_path / "p.yml")
    assert prompts.get_prompt("p").source.file.endswith("p.yml"), "path"  # type: ignore[union-attr]
    (tmp_path / "p.yml").unlink()
    with pytest.raises(PromptNotFound):
        prompts.get_prompt("p")


def test_a_broken_file_is_an_error_until_it_is_mended(tmp_path: Path) -> None:
    """No stale version is served, and no error is kept."""
    path = tmp_path / "p.yaml"
    write(path, "a", seconds=1)
    prompts = YAMLPromptManager(tmp_path)
    prompts.get_prompt("p")
    write(path, "{{ b }}", seconds=2)
    for _ in range(2):
        with pytest.raises(PromptError, match=r"p\.yaml, line 2"):
            prompts.get_prompt("p")
    write(path, "c", seconds=3)
    assert prompts.get_prompt("p").template == "c"


def test_a_broken_draft_breaks_only_itself(tmp_path: Path) -> None:
    """A template with a mistake is refused by get_prompt; other versions of the file can be used."""
    (tmp_path / "p.yaml").write_text(
        "- version: 1\n  template: a\n- version: 2\n  label: draft\n  template: |\n    x\n    {{ y\n"
    )
    prompts = YAMLPromptManager(tmp_path)
    with pytest.raises(PromptError, match=r"version 2 \(draft\), .*p\.yaml, line 7: the template is not valid"):
        prompts.get_prompt("p")
    assert prompts.get_prompt("p", label="production").render() == "a"


def test_two_files_for_one_prompt_are_refused(tmp_path: Path) -> None:
    """Nobody guesses which one is meant."""
    write(tmp_path / "p.yaml", "a")
    write(tmp_path / "p.yml", "b")
    with pytest.raises(PromptError, match="has two files"):
        YAMLPromptManager(tmp_path).get_prompt("p")


def test_threads_share_a_manager(tmp_path: Path, reads: list[str]) -> None:
    """Many threads at once read each file once and all get the right prompt."""
    names = [f"p{n}" for n in range(8)]
    for name in names:
        write(tmp_path / f"{name}.yaml", f"I am {name} of {{{{ n }}}}".join("''"))
    prompts = YAMLPromptManager(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: prompts.get_prompt(names[n % 8]).render(n=n), range(400)))
    assert got == [f"I am p{n % 8} of {n}" for n in range(400)]
    assert sorted(reads) == names


def test_the_folder_stays_when_the_process_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder is that of the moment when the manager was made; it can be pickled."""
    write(tmp_path / "prompts/p.yaml", "a")
    monkeypatch.chdir(tmp_path)
    prompts = YAMLPromptManager("prompts")
    monkeypatch.chdir("/")
    assert prompts.get_prompt("p").render() == "a"
    assert pickle.loads(pickle.dumps(prompts)).get_prompt("p").render() == "a"
