"""Which entry of a file is meant: newest by number, by label, by version."""

from __future__ import annotations

from typing import Any

import pytest

from durable.prompts import Prompt, PromptError, PromptNotFound
from durable.prompts.versions import choose


def entries(*pairs: tuple[int | str, str]) -> list[Prompt]:
    return [Prompt("greet", label, version, f"{version} {label}") for version, label in pairs]


PLAIN = entries((9, "production"), (10, "production"), (11, "staging"), (2, "staging"))


@pytest.mark.parametrize(
    ("label", "version", "text"),
    [
        (None, None, "11 staging"),
        ("production", None, "10 production"),
        ("staging", None, "11 staging"),
        (None, 9, "9 production"),
        (None, "9", "9 production"),
        ("staging", 2, "2 staging"),
    ],
)
def test_newest_label_and_version(label: str | None, version: Any, text: str) -> None:
    """10 is newer than 9; a label narrows the choice; a version is exact."""
    assert choose(PLAIN, label, version).template == text


def test_dotted_versions_compare_by_number() -> None:
    """1.10.0 is newer than 1.9.3, and 1.9 means 1.9.0."""
    found = entries(("1.9.3", "a"), ("1.10.0", "a"), ("1.9.0", "a"))
    assert choose(found, None, None).version == "1.10.0"
    assert choose(found, None, "1.9").version == "1.9.0"


@pytest.mark.parametrize(("label", "version"), [(None, 3), ("draft", None), ("production", 11), (None, "9.0")])
def test_what_is_not_there_is_named_with_what_is(label: str | None, version: Any) -> None:
    """Asking for something else than there is lists all versions with their labels; 9 and 9.0 are not the same."""
    with pytest.raises(PromptNotFound) as caught:
        choose(PLAIN, label, version)
    assert str(label or version) in caught.value.message
    assert "There are: 2 (staging), 9 (production), 10 (production), 11 (staging)" in str(caught.value)


@pytest.mark.parametrize("version", [1.1, True, "v2", "", "1.", "new", "\u0663", b"1"])
def test_what_is_no_version_is_refused(version: Any) -> None:
    """A float above all: 1.10 and 1.1 are the same float."""
    with pytest.raises(PromptError, match="is not a version") as caught:
        choose(PLAIN, None, version)
    assert not isinstance(caught.value, PromptNotFound)


def test_one_version_under_several_labels() -> None:
    """Production is taken; among others nobody guesses."""
    assert choose(entries((1, "formal"), (1, "production")), None, None).label == "production"
    two = entries((1, "formal"), (1, "casual"))
    assert choose(two, "casual", 1).label == "casual"
    for version in (None, 1):
        with pytest.raises(PromptError, match="several labels: casual, formal"):
            choose(two, None, version)
