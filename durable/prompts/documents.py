"""A YAML document as nodes that know their lines. It must not know prompts.

Only nodes are used, never the objects that YAML would make of them: a file can make no object, a version
stays as it is written (1.10 is not 1.1), and every node knows its line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from durable.prompts.errors import EXTRA, PromptError

if TYPE_CHECKING:
    from yaml.nodes import Node, ScalarNode

BLOCK = "Write a template as a block: 'template: |' and the text below it, indented; there {{ }} and # are text"

_TEXT = "tag:yaml.org,2002:str"


class Document:
    """One YAML file.

    Args:
        file: its path, for errors.
        data: what it holds.
        shape: what it should look like, for errors.

    Raises:
        PromptError: it is not UTF-8 or not YAML, or pyyaml is not installed.
    """

    def __init__(self, file: str, data: bytes, shape: str) -> None:
        self.file = file
        self.shape = shape
        try:
            self.text = data.decode()
        except UnicodeDecodeError as error:
            self.fail(data.count(b"\n", 0, error.start) + 1, f"not UTF-8: {error.reason}", "Save it as UTF-8")
        self.top = self._compose()

    def fail(self, where: Node | int, message: str, hint: str | None = None) -> NoReturn:
        """Raise a ``PromptError`` that names the file and the line of a node."""
        line = where if isinstance(where, int) else line_of(where)
        raise PromptError(f"prompt file {self.file}, line {line}: {message}", hint=hint or self.shape)

    def text_of(self, node: Node, key: str, hint: str) -> ScalarNode:
        """Return the node if it is a text with something in it, and refuse all others."""
        import yaml

        if not isinstance(node, yaml.ScalarNode) or (node.tag != _TEXT and node.value):
            self.fail(node, f"the {key} is not a text", hint)
        if not node.value.strip():
            self.fail(node, f"the {key} is empty", hint)
        if node.value.encode("utf-8", "ignore").decode() != node.value:
            self.fail(node, f"the {key} holds lone surrogates, which UTF-8 cannot hold", "Write the character itself")
        return node

    def comment_after(self, node: ScalarNode) -> str:
        """Return the comment that ends the line of a text without quotes, or nothing."""
        rest = self.text[node.end_mark.index :].partition("\n")[0].strip()
        return rest if node.style is None and rest.startswith("#") else ""

    def _compose(self) -> Node | None:
        """Return the top node; None for an empty file."""
        try:
            import yaml
        except ImportError as error:
            message = f"reading prompt files needs pyyaml, which cannot be imported: {error}"
            raise PromptError(message, hint=EXTRA) from error
        try:
            node: Node | None = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            line = self.text.count("\n", 0, mark.index if mark is not None else getattr(error, "position", 0)) + 1
            problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "nested too deeply"
            near = "".join(self.text.split("\n")[max(0, line - 2) : line])  # it may be noticed a line later
            braces = any(brace in near for brace in ("{{", "{%", "{#"))
            self.fail(line, f"this is not YAML: {problem}", BLOCK if braces else None)
        return node


def line_of(node: Node) -> int:
    """Return the line at which a node begins, from 1."""
    return int(node.start_mark.line) + 1
