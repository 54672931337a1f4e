"""What a task function asks for: its parameters, read once per function.

It must not resolve anything; that is the attempt's work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from durable.errors import DefinitionError

CONTEXT_CLASS = "TaskExecutionContext"


class Signature(msgspec.Struct, frozen=True):
    """A function's parameters as the engine needs them.

    Attributes:
        names: parameters to be resolved, in order, the context left out.
        optional: those that have a default.
        context: the parameter that receives the context, or None.
        positional: parameters that can only be passed by position, in order, the context among them.
        defaults: the values that those have when nothing gives them.
        extra: whether the function takes ``**kwargs``.
    """

    names: tuple[str, ...]
    optional: frozenset[str]
    context: str | None = None
    positional: tuple[str, ...] = ()
    defaults: dict[str, Any] = {}
    extra: bool = False


def signature_of(function: Callable[..., Any], inject_context: bool) -> Signature:
    """Return what the function asks for.

    Args:
        function: a task's function, or any other callable.
        inject_context: whether its first parameter receives the context whatever its annotation.

    Raises:
        DefinitionError: its parameters cannot be read, or it has none for the context.
    """
    return _signature(function, inject_context)


@lru_cache(maxsize=4096)
def _signature(function: Callable[..., Any], inject_context: bool) -> Signature:
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__") or hasattr(function, "__self__"):
        return _inspected(function, inject_context)
    count = code.co_argcount
    names = code.co_varnames[: count + code.co_kwonlyargcount]
    values = function.__defaults__ or ()
    defaults = dict(zip(names[count - len(values) : count], values, strict=True)) | (function.__kwdefaults__ or {})
    positional = names[: code.co_posonlyargcount]
    extra = bool(code.co_flags & 0x08)
    return _made(function, names, defaults, function.__annotations__, positional, extra, inject_context)


def _inspected(function: Callable[..., Any], inject_context: bool) -> Signature:
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"cannot read the parameters of {function!r}: {error}", hint="Wrap it in a def") from None
    kinds = inspect.Parameter
    named = [p for p in parameters if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    return _made(
        function,
        tuple(p.name for p in named),
        {p.name: p.default for p in named if p.default is not kinds.empty},
        {p.name: p.annotation for p in named},
        tuple(p.name for p in named if p.kind is kinds.POSITIONAL_ONLY),
        any(p.kind is kinds.VAR_KEYWORD for p in parameters),
        inject_context,
    )


def _made(
    function: Callable[..., Any],
    names: tuple[str, ...],
    defaults: dict[str, Any],
    annotations: dict[str, Any],
    positional: tuple[str, ...],
    extra: bool,
    inject_context: bool,
) -> Signature:
    context = next((name for name in names if _is_context(annotations.get(name))), None)
    if context is None and inject_context:
        if not names:
            raise DefinitionError(
                f"{getattr(function, '__qualname__', function)!r} takes no parameter for the context",
                hint="Give it a first parameter, or leave inject_context out",
            )
        context = names[0]
    return Signature(
        tuple(name for name in names if name != context),
        frozenset(defaults) - {context},
        context,
        positional,
        {name: defaults[name] for name in positional if name in defaults},
        extra,
    )


def _is_context(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2].strip("'\" ").removesuffix(" | None") == CONTEXT_CLASS
    return getattr(annotation, "__name__", None) == CONTEXT_CLASS
