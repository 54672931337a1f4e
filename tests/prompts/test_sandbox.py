"""The sandbox: templates read what they are given; they do not look inside, change values or load files."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from copy import deepcopy
from typing import Any

import pytest

from durable.prompts import Prompt, PromptError


class Account:
    """An object with a secret, such as a service's client."""

    def __init__(self) -> None:
        self._key = "secret"
        self.owner = "Ann"


def render(template: str, /, **values: Any) -> str:
    return Prompt("attack", "production", 1, template).render(**values)


INSIDE = [
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ [items]|map(attribute='__class__')|list }}",
    "{{ [items]|map(attribute='__class__')|join }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ range.__class__ }}",
    "{{ function.__globals__ }}",
    "{{ function.__code__ }}",
    "{{ account._key }}",
    "{{ account['_key'] }}",
    "{{ account.__dict__ }}",
    "{{ '{0.__class__.__mro__}'.format(items) }}",
    "{{ '{0._key}'.format(account) }}",
    "{{ '{a._key}'.format_map({'a': account}) }}",
    "{{ ('{0.__cla' ~ 'ss__}').format(items) }}",
    "{% set f = '{0._key}'.format %}{{ f(account) }}",
    "{{ ('{0._key}'|attr('format'))(account) }}",
    "{{ ['{0._key}']|map('attr', 'format')|map('string')|first and '{0._key}'.format(account) }}",
    "{% macro m() %}{% endmacro %}{{ m.__init__.__globals__ }}",
    "{% for i in items %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{{ error.__traceback__ }}",
    "{{ (items|batch(1)).gi_frame }}",
]


@pytest.mark.parametrize("template", INSIDE)
def test_a_template_cannot_look_inside(template: str) -> None:
    """Private attributes, classes, code and frames are out of reach, by any way of naming them."""
    values = {"items": [1], "function": render, "account": Account(), "error": ValueError("x")}
    with pytest.raises(PromptError) as caught:
        render(template, **values)
    assert "secret" not in str(caught.value)


def test_public_attributes_and_formatting_still_work() -> None:
    """What is refused is the private part only."""
    assert render("{{ account.owner }} {{ '{0.owner}'.format(account) }}", account=Account()) == "Ann Ann"
    assert render("{% for i in items %}{{ loop.index }}{{ i }}{% endfor %}", items="ab") == "1a2b"


CHANGES = [
    "{{ items.append(2) }}",
    "{{ items.clear() }}",
    "{{ items.sort() }}",
    "{{ (items|attr('append'))(2) }}",
    "{{ items.__iadd__([2]) }}",
    "{{ items.__setitem__(0, 2) }}",
    "{{ table.update(a=2) }}",
    "{{ table.setdefault('b', 2) }}",
    "{{ table.pop('a') }}",
    "{{ dict.update(table, a=2) }}",
    "{{ dict.clear(table) }}",
    "{{ group.add(2) }}",
    "{{ line.append(2) }}",
    "{{ line.appendleft(2) }}",
    "{{ line.rotate(1) }}",
    "{{ line.popleft() }}",
    "{{ line.extendleft([2]) }}",
    "{{ count.subtract('a') }}",
    "{{ ordered.move_to_end('a') }}",
    "{{ array.extend(array) }}",
]


@pytest.mark.parametrize("template", CHANGES)
def test_a_template_cannot_change_what_it_is_given(template: str) -> None:
    """Lists, dicts, sets and their relatives are as before, and the attempt is an error."""
    values = {
        "items": [3, 1],
        "table": {"a": 1},
        "group": {1},
        "line": deque([1, 3]),
        "count": Counter("aa"),
        "ordered": OrderedDict(a=1, b=2),
        "array": bytearray(b"x"),
    }
    before = deepcopy(values)
    with pytest.raises(PromptError):
        render(template, **values)
    assert values == before
    assert list(values["ordered"]) == ["a", "b"]  # type: ignore[call-overload]


OTHER_FILES = [
    "{% include 'x' %}",
    "{% import 'x' as x %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% include name ignore missing %}",
]


@pytest.mark.parametrize("template", OTHER_FILES)
def test_a_template_cannot_load_files(template: str) -> None:
    """Include, import and extends are refused, also if the file may be missing."""
    with pytest.raises(PromptError, match="cannot include, import or extend"):
        render(template, name="/etc/passwd")


def test_endless_ranges_are_stopped() -> None:
    """A loop has at most 100,000 rounds."""
    with pytest.raises(PromptError, match="Range too big"):
        render("{{ range(10 ** 9)|list }}")
