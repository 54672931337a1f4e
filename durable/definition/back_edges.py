"""The shape of a class definition: what can be reached, and which edges go back to begin another round.

An edge goes back if every way to its source leads through its target. It means a fresh copy of the target
and of all that follows it. Names only: it must not know steps or tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from durable.errors import DefinitionError

Pair = tuple[str, str]


class Shape:
    """Steps and edges by name.

    Args:
        steps: every step, in order.
        edges: ``(source, target)``, each once.
        initial: where runs begin.

    Attributes:
        back: the edges that go back.

    Raises:
        DefinitionError: a loop that can be entered in several places.
    """

    def __init__(self, steps: Sequence[str], edges: Sequence[Pair], initial: str) -> None:
        self._steps = steps
        self._initial = initial
        self._all = _targets(steps, edges)
        self._behind: dict[str, frozenset[str]] = {}
        self.back: frozenset[Pair] = frozenset()
        self._forward = self._all
        if _in_loops(self._all):
            self.back = frozenset(pair for pair in edges if pair[0] in self._dominated(pair[1]))
            self._forward = _targets(steps, [pair for pair in edges if pair not in self.back])
            left = _in_loops(self._forward)
            if left:
                raise DefinitionError(
                    f"the steps {', '.join(left)} form a loop that can be entered in several places",
                    hint="Give the loop one entry step, or loop in a body: ctx.next_iteration, ctx.next_task",
                )

    def reached(self) -> set[str]:
        """The steps that can be reached from the initial one."""
        return _reachable(self._all, [self._initial])

    def ending(self, terminals: Iterable[str]) -> set[str]:
        """The steps from which a terminal one can be reached."""
        turned = _targets(self._steps, [(target, source) for source in self._all for target in self._all[source]])
        return _reachable(turned, terminals)

    def round(self, target: str) -> list[str]:
        """What another round is made of: the target of a back edge and all that follows it, in order."""
        found = _reachable(self._forward, [target])
        return [step for step in self._steps if step in found]

    def pairs(self, steps: Iterable[str]) -> list[Pair]:
        """The edges between these steps that do not go back."""
        inside = set(steps)
        return [
            (step, after) for step in self._steps if step in inside for after in self._forward[step] if after in inside
        ]

    def entries(self, target: str) -> list[Pair]:
        """The edges from outside into a round, but for those into its first step."""
        inside = set(self.round(target))
        return [
            (source, step)
            for source in self._steps
            for step in self._forward[source]
            if source not in inside and step in inside and step != target
        ]

    def _dominated(self, step: str) -> frozenset[str]:
        """The steps that only ways through this one lead to, itself among them."""
        if step not in self._behind:
            without = {source: [] if source == step else targets for source, targets in self._all.items()}
            others = _reachable(without, [self._initial]) if step != self._initial else set()
            self._behind[step] = frozenset(self._steps) - others | {step}
        return self._behind[step]


def _targets(steps: Sequence[str], edges: Iterable[Pair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {step: [] for step in steps}
    for source, target in edges:
        found[source].append(target)
    return found


def _reachable(after: Mapping[str, Iterable[str]], begin: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    stack = list(begin)
    while stack:
        step = stack.pop()
        if step not in seen:
            seen.add(step)
            stack += after[step]
    return seen


def _in_loops(after: Mapping[str, Iterable[str]]) -> list[str]:
    """The steps that stand in a loop, or between two: what is left when ends and beginnings are peeled off."""
    left = dict.fromkeys(after)
    size = -1
    while size != len(left):
        size = len(left)
        followed = {target for step in left for target in after[step]}
        left = {step: None for step in left if step in followed and any(target in left for target in after[step])}
    return list(left)
