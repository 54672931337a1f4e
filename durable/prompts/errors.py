"""The errors of prompts; it must not import jinja2 or yaml, so that they can be caught without the extra."""

from __future__ import annotations

from durable.errors import DurableError

EXTRA = "Install the extra: pip install 'durable-runs[prompts]'"


class PromptError(DurableError):
    """A prompt file is wrong, or a prompt cannot be rendered with the values it was given.

    What to do: correct the file, or the values; the text names the prompt and the variable.
    """


class PromptNotFound(PromptError, LookupError):
    """There is no prompt of that name, or none with that label or version.

    What to do: correct the name or the label; the text says which there are.
    """
