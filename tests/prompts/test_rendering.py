"""Rendering: strict about what is missing, exact about where it failed, plain about text."""

from __future__ import annotations

import pickle
import subprocess
import sys
from hashlib import sha256
from typing import Any

import pytest

from durable.prompts import Prompt, PromptError
from durable.prompts.files import parse_prompts
from durable.prompts.sandbox import compiled


def prompt(template: str) -> Prompt:
    return Prompt("greet", "production", 2, template)


def render(template: str, /, **values: Any) -> str:
    return prompt(template).render(**values)


def test_text_comes_out_as_it_went_in() -> None:
    """Nothing is escaped; one line break at the end is dropped; values that are not used are ignored."""
    assert render("<{{ a }}>\n& {{ b }}\n\n", a="<b>", b='"', c=1) == '<<b>>\n& "\n'


def test_any_variable_name_can_be_passed() -> None:
    """Also names that render() itself might have had."""
    assert render("{{ template }} {{ values }} {{ prompt }}", template=1, values=2, prompt=3) == "1 2 3"


def test_all_missing_variables_are_named() -> None:
    """One error names all of them, not only the first; not those that have a default or were passed."""
    template = "{{ given }} {{ name }} {% for i in items %}{{ loop.index }} {{ i }}{% endfor %} {{ x | default('') }}"
    with pytest.raises(PromptError) as caught:
        render(template + "{% if y is defined %}{{ y }}{% endif %} {{ range(2) }}", given=1)
    assert caught.value.message.endswith("values that the template needs are missing: items, name")
    assert "render(items=..., name=...)" in str(caught.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ name }}",
        "{{ [name] }}",
        "{{ {'a': name} }}",
        "{{ name | upper }}",
        "{{ name | join }}",
        "{% if name %}a{% endif %}",
        "{% for each in name %}{% endfor %}",
        "{{ name == 1 }}",
        "{{ 'a' ~ name }}",
        "{{ 'a' in name }}",
        "{{ '%s' % name }}",
        "{{ '{}'.format(name) }}",
        "{{ '%r' | format(name) }}",
    ],
)
def test_a_missing_variable_never_becomes_text(template: str) -> None:
    """Wherever it is used: printed, tested, looped over, in a list, formatted."""
    with pytest.raises(PromptError, match="missing: name"):
        render(template)


def test_a_variable_is_needed_only_where_it_is_used() -> None:
    """A branch that is not taken, a default and a test need nothing."""
    assert render("{% if premium %}{{ discount }}{% endif %}-", premium=False) == "-"
    assert render("{{ a | default('x') }}{{ 'y' if b is defined else 'z' }}") == "xz"


def test_a_missing_attribute_is_not_taken_for_a_missing_variable() -> None:
    """The error is about the attribute, although another variable was not passed either."""
    with pytest.raises(PromptError, match="has no attribute 'nam'") as caught:
        render("{{ user.nam }}{% if 0 %}{{ other }}{% endif %}", user={"name": "Ann"})
    assert "other" not in str(caught.value)


FILE = b"""\
- version: 1
  template: |
    one

    %s
"""


@pytest.mark.parametrize("expression", ["{{ name }}", "{{ 1 / zero }}", "{{ zero.x }}", "{{ ''.__class__ }}"])
def test_an_error_names_prompt_version_file_and_line(expression: str) -> None:
    """The line is that of the file, so that an editor can go there."""
    found = parse_prompts("greet", "/prompts/greet.yaml", FILE % expression.encode())[0]
    with pytest.raises(PromptError) as caught:
        found.render(zero=0)
    assert caught.value.message.startswith("prompt 'greet' version 1 (production), /prompts/greet.yaml, line 5: ")
    assert caught.value.hint


def test_the_line_of_a_folded_template_is_where_it_begins() -> None:
    """Its lines are not those of the file, so none is guessed."""
    found = parse_prompts("greet", "f", b"- version: 1\n  template: >\n    a\n    b\n\n    {{ x }}\n")[0]
    with pytest.raises(PromptError, match="f, line 2: "):
        found.render()


def test_failures_inside_are_wrapped_and_kept_as_cause() -> None:
    """Whatever an expression raises is a PromptError with the first error as its cause."""
    with pytest.raises(PromptError, match="ZeroDivisionError: division by zero") as caught:
        render("{{ 1 / n }}", n=0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("template", ["a\n{{ name", "a\n{% if %}", "a\n{% nothing %}", "a\n{{ x | nofilter }}"])
def test_a_template_with_a_mistake_is_named_with_its_line(template: str) -> None:
    """Syntax errors and unknown filters."""
    with pytest.raises(PromptError, match=r"line 2: the template is not valid: \w") as caught:
        render(template, x=1)
    assert "\n" not in str(caught.value)


def test_the_same_text_is_compiled_once() -> None:
    """A second rendering takes the compiled template."""
    render("compiled once {{ a }}", a=1)
    before = compiled.cache_info()
    assert render("compiled once {{ a }}", a=2) == "compiled once 2"
    after = compiled.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)


def test_a_prompt_is_plain_data() -> None:
    """It can be pickled, and is equal to one with the same text from another place."""
    found = parse_prompts("greet", "f", b"- version: 2\n  template: Hi {{ name }}\n")[0]
    assert found == prompt("Hi {{ name }}")
    assert pickle.loads(pickle.dumps(found)).render(name="Ann") == "Hi Ann"


def test_the_digest_is_of_the_template() -> None:
    """12 hex digits of the SHA-256 of its UTF-8 text."""
    assert prompt("Grüße").digest == sha256("Grüße".encode()).hexdigest()[:12]
    assert prompt("a").digest != prompt("b").digest


def test_without_jinja2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said, not only what could not be imported."""
    monkeypatch.delitem(sys.modules, "durable.prompts.sandbox", raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(PromptError, match=r"pip install 'durable-runs\[prompts\]'"):
        render("a")


def test_importing_prompts_needs_no_extra() -> None:
    """Neither jinja2 nor yaml is imported before a prompt is read."""
    code = "import sys, durable.prompts; sys.exit(bool({'jinja2', 'yaml'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
