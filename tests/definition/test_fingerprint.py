"""Fingerprints: what a body does counts, how it is written down does not."""

from __future__ import annotations

import functools
import importlib.util
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durable.definition.fingerprint import fingerprint, fingerprint_in_file, source_of

BASE = """
def body(x):
    return x + 1
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Any]:
    """Import code from a file of its own, and return its ``body``."""
    count = iter(range(100))

    def made(code: str) -> Any:
        path = tmp_path / f"code_{next(count)}.py"
        path.write_text(textwrap.dedent(code))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.body

    return made


@pytest.mark.parametrize(
    "code",
    [
        "\n\n# moved down\n" + BASE,
        "def body(x):\n    # a comment\n    return (x\n            + 1)\n",
        'def body(x):\n    """A docstring."""\n    return x + 1\n',
        "def other(): pass\ndef decorator(f): return f\n\n@decorator\ndef body(x):\n    return x + 1\n",
    ],
)
def test_layout_comments_docstrings_and_decorators_do_not_count(load: Callable[[str], Any], code: str) -> None:
    """The same fingerprint as the plain function's."""
    assert fingerprint(load(code)) == fingerprint(load(BASE))


@pytest.mark.parametrize(
    "code",
    [
        "def body(x):\n    return x + 2\n",
        "def body(x):\n    return x - 1\n",
        "def body(x, y=1):\n    return x + 1\n",
        "def body(y):\n    return y + 1\n",
        "async def body(x):\n    return x + 1\n",
        "def body(x):\n    print(x)\n    return x + 1\n",
        "def body(x):\n    return x + True\n",
    ],
)
def test_what_the_body_does_counts(load: Callable[[str], Any], code: str) -> None:
    """Operators, constants and their types, parameters, statements."""
    assert fingerprint(load(code)) != fingerprint(load(BASE))


def test_it_can_be_taken_from_the_file_alone(load: Callable[[str], Any]) -> None:
    """Without importing; the same as from the live function; nested functions and methods too."""
    for code in (BASE, "class K:\n    def m(self): return 1\nbody = K.m\n", "def make():\n    def inner(): return 1\n    return inner\nbody = make()\n"):  # fmt: skip  # noqa: E501
        body = load(code)
        assert fingerprint_in_file(source_of(body)) == fingerprint(body)
    assert fingerprint_in_file("/no/such/file.py:body") is None
    assert fingerprint_in_file(source_of(load(BASE)).replace(":body", ":gone")) is None


def test_an_edited_file_is_read_again(load: Callable[[str], Any]) -> None:
    """What was parsed before is not remembered for ever."""
    body = load(BASE)
    source = source_of(body)
    before = fingerprint_in_file(source)
    path = Path(source.rpartition(":")[0])
    path.write_text(BASE.replace("1", "2"))
    import os

    os.utime(path, ns=(1, 1))
    assert fingerprint_in_file(source) not in (None, before)
    path.write_text("def body(:\n")
    os.utime(path, ns=(2, 2))
    assert fingerprint_in_file(source) is None


def test_a_wrapped_function_is_known_by_its_own_code(load: Callable[[str], Any]) -> None:
    """``functools.wraps``: the wrapper's file and code are not the task's."""

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(*args: Any) -> Any:
            return function(*args)

        return inner

    body = load(BASE)
    assert fingerprint(around(body)) == fingerprint(body)
    assert source_of(around(around(body))) == source_of(body)


def test_functions_of_one_name_in_one_file_are_told_apart(load: Callable[[str], Any]) -> None:
    """By where they stand; the last one is the file's."""
    code = "def body(x): return 1\nfirst = body\ndef body(x): return 2\nbody.first = first\n"
    body = load(code)
    assert fingerprint(body) != fingerprint(body.first)
    assert fingerprint_in_file(source_of(body)) == fingerprint(body)


def test_code_without_a_file_is_known_by_its_byte_code() -> None:
    """As in a prompt: marked, and still told apart."""
    spaces: list[dict[str, Any]] = [{}, {}, {}]
    for space, code in zip(spaces, ("1", "1", "2"), strict=True):
        exec(compile(f"def body(): return {code}", "<prompt>", "exec"), space)
    one, same, other = (fingerprint(space["body"]) for space in spaces)
    assert one == same != other
    assert one.startswith("code:")
    assert source_of(spaces[0]["body"]) == ""


def test_callables_without_code_are_known_by_name() -> None:
    """Built-in functions and objects."""
    assert fingerprint(len) == "name:builtins.len"
    assert source_of(len) == ""
