"""Renders prompts and says what went wrong, where. It must not read files or know contexts."""

from __future__ import annotations

from collections.abc import Mapping
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from durable.prompts.errors import EXTRA, PromptError

if TYPE_CHECKING:
    from durable.prompts.prompt import Prompt
    from durable.prompts.sandbox import Compiled


def compile_prompt(prompt: Prompt) -> Compiled:
    """Compile a prompt's template; the same text is compiled once.

    Args:
        prompt: the prompt.

    Returns:
        The compiled template.

    Raises:
        PromptError: the template is not valid, or jinja2 is not installed.
    """
    try:
        from durable.prompts.sandbox import compiled
    except ImportError as error:
        raise PromptError(f"rendering prompts needs jinja2, which cannot be imported: {error}", hint=EXTRA) from error
    try:
        return compiled(prompt.template)
    except Exception as error:  # also Python's own: Jinja makes Python code of the template
        line = getattr(error, "lineno", None) or 1
        raise PromptError(
            f"{prompt.where(line)}: the template is not valid: {_words(error)}", hint="It has to be valid Jinja"
        ) from error


def render(prompt: Prompt, values: Mapping[str, Any]) -> str:
    """Render a prompt.

    Args:
        prompt: the prompt.
        values: its variables.

    Returns:
        The text.

    Raises:
        PromptError: variables are missing, the template does what it must not, or an expression in it fails.
    """
    template, needs = compile_prompt(prompt)
    try:
        return template.render(values)
    except Exception as error:
        missing = sorted(needs - values.keys())
        message, hint = _explain(error, missing)
        raise PromptError(f"{prompt.where(_line(error))}: {message}", hint=hint) from error


def _explain(error: Exception, missing: list[str]) -> tuple[str, str]:
    """Return what happened and what to do, for an error that came out of a template."""
    from jinja2.exceptions import SecurityError, UndefinedError

    if isinstance(error, UndefinedError):
        if str(error) in {f"{name!r} is undefined" for name in missing}:
            names = ", ".join(missing)
            hint = f"Pass them: render({', '.join(f'{name}=...' for name in missing)})"
            return f"values that the template needs are missing: {names}", hint
        return _words(error), "Check the spelling, or give it a default: {{ name | default('...') }}"
    if isinstance(error, SecurityError):
        return (
            f"the template was stopped: {_words(error)}",
            "A template may read values, not change them or look inside",
        )
    return f"rendering failed: {type(error).__name__}: {_words(error)}", "Check the values and the template"


def _words(error: Exception) -> str:
    """Return an error's message; that of Jinja without its line, which we count in the file."""
    return (getattr(error, "message", None) or str(error)).rstrip(".")


def _line(error: Exception) -> int:
    """Return the line of the template at which rendering failed; 1 when nothing tells."""
    from durable.prompts.sandbox import CODE_NAME

    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == CODE_NAME]
    return lines[0] if lines else 1
