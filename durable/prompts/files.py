"""Turns a prompt file into prompts, each problem with its line. It must not cache or choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable.prompts.documents import BLOCK, Document, line_of
from durable.prompts.prompt import Prompt, Source
from durable.prompts.versions import RULE, USUAL_LABEL, order, parse_version

if TYPE_CHECKING:
    from yaml.nodes import Node

SHAPE = (
    "A prompt file is a list of entries, each '- version: 1' with 'template: |' below it, "
    "and perhaps 'label: production'"
)

_KEYS = ("label", "version", "template")


def parse_prompts(name: str, file: str, data: bytes) -> list[Prompt]:
    """Read a prompt file.

    Args:
        name: the prompt's name.
        file: the file's path.
        data: what it holds.

    Returns:
        Its entries, at least one, in the file's order.

    Raises:
        PromptError: the file is not a prompt file, or pyyaml is not installed.
    """
    document = Document(file, data, SHAPE)
    import yaml  # it is there: the document has been read

    top = document.top
    if not isinstance(top, yaml.SequenceNode) or not top.value:
        document.fail(1 if top is None else top, "there is no list of entries")
    prompts = [_prompt(document, name, node) for node in top.value]
    _check_versions(document, prompts, [line_of(node) for node in top.value])
    return prompts


def _check_versions(document: Document, prompts: list[Prompt], lines: list[int]) -> None:
    """Refuse entries of one file that do not go together."""
    first = prompts[0].version
    seen: dict[object, int] = {}
    for prompt, line in zip(prompts, lines, strict=True):
        version, label = prompt.version, prompt.label
        if type(version) is not type(first):
            hint = f"{RULE}; one file has one kind"
            document.fail(line, f"versions {first} and {version} cannot be compared", hint)
        before = seen.setdefault((order(version), label), line)
        if before != line:
            message = f"version {version} with label {label!r} is there already, in line {before}"
            document.fail(line, message, "Give the newer one a higher version")


def _prompt(document: Document, name: str, node: Node) -> Prompt:
    """Read one entry."""
    parts = _parts(document, node)
    label = USUAL_LABEL
    if "label" in parts:
        label = document.text_of(parts["label"], "label", "A label is a text, such as staging; quote it").value
    version = _version(document, parts["version"])
    template = document.text_of(parts["template"], "template", BLOCK)
    if comment := document.comment_after(template):
        document.fail(template, f"YAML takes the end of this template for a comment: {comment}", BLOCK)
    block = template.style == "|"
    source = Source(document.file, line_of(template) + int(block), by_line=block)
    return Prompt(name, label, version, template.value, source)


def _parts(document: Document, node: Node) -> dict[str, Node]:
    """Return the values of an entry by their keys."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        document.fail(node, "this entry has no keys")
    parts: dict[str, Node] = {}
    for key, value in node.value:
        if key.value not in _KEYS:  # also keys that are no texts
            shown = repr(key.value) if isinstance(key, yaml.ScalarNode) else "this"
            document.fail(key, f"{shown} is not a key of an entry", f"The keys are {', '.join(_KEYS)}")
        if key.value in parts:
            document.fail(key, f"{key.value!r} is there twice", "Begin each entry with '- '")
        parts[key.value] = value
    for wanted in ("version", "template"):
        if wanted not in parts:
            document.fail(node, f"this entry has no {wanted}")
    return parts


def _version(document: Document, node: Node) -> int | str:
    version = parse_version(node.value) if isinstance(node.value, str) else None
    if version is None:
        shown = repr(node.value) if isinstance(node.value, str) else "this"
        document.fail(node, f"{shown} is not a version", RULE)
    return version
