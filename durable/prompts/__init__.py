"""Prompts in YAML files: versions and labels, strict and sandboxed rendering, every rendering recorded.

It must not import jinja2 or yaml before they are needed: they are an extra. It knows no runs; a rendering is told
to the context of the task that does it.
"""

from __future__ import annotations

from durable.prompts.errors import PromptError, PromptNotFound
from durable.prompts.manager import YAMLPromptManager
from durable.prompts.prompt import Prompt

__all__ = ["Prompt", "PromptError", "PromptNotFound", "YAMLPromptManager"]
