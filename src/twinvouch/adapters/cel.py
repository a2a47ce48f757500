"""Interlocks: CEL expressions over tag values, compiled and tried out once, that never raise afterwards.

Only comparisons, logic, `+ - *`, `?:` and `double()` over tag values are accepted. Measured traps behind
that: an undeclared name is found only when it is evaluated (`true || typo`), NaN passes `!=`, division
by zero gives infinity, `v + 1` raises where v is a double, macros and regular expressions cost without
limit. What cannot be evaluated does not hold.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import isfinite
from typing import TYPE_CHECKING

from twinvouch.core.inventory import Tag

if TYPE_CHECKING:
    import cel

OPERATORS = frozenset(
    {
        "_<_",
        "_<=_",
        "_>_",
        "_>=_",
        "_==_",
        "_!=_",
        "_&&_",
        "_||_",
        "!_",
        "_?_:_",
        "_+_",
        "_-_",
        "_*_",
        "-_",
        "double",
    }
)
MAX_TEXT = 2000  # characters
ALL_COMBINATIONS = 6  # tags; with more, one at a time leaves the middle
UNBOUNDED = 1e6  # stands for a limit of range that is not set
FAILURES = (ArithmeticError, RuntimeError, TypeError, ValueError)  # what the library raises


class CelCondition:
    """The `Condition` port: `text` over the variables of `tags`, which may be more than it uses.

    Raises ValueError naming the text where it does not compile, speaks of other things than these tags
    or gives anything but true or false on low, middle and high values of their ranges.
    """

    def __init__(self, text: str, tags: Sequence[Tag]) -> None:
        self._text = text
        program = _compile(text)
        names = _names(text, tags)
        self._tags = {name: names[name] for name in program.variables()}
        if not self._tags:
            raise ValueError(f"interlock `{text}` reads no tag, so it guards nothing")
        self._program = program
        by_id = {t.id: t for t in tags}
        for values in _samples([by_id[i] for i in self._tags.values()]):
            self._try(values)

    @property
    def text(self) -> str:
        """The expression as written."""
        return self._text

    @property
    def tags(self) -> tuple[str, ...]:
        """Ids of the tags it reads, sorted."""
        return tuple(sorted(self._tags.values()))

    def holds(self, values: Mapping[str, float]) -> bool:
        """True only where every tag it reads has a finite value and the expression says true."""
        try:
            read = {name: float(values[tag]) for name, tag in self._tags.items()}
            return all(map(isfinite, read.values())) and self._program.execute(read) is True
        except (*FAILURES, KeyError):
            return False

    def _try(self, values: Mapping[str, float]) -> None:
        seen = ", ".join(f"{name} = {values[tag]:g}" for name, tag in self._tags.items())
        try:
            result = self._program.execute({n: values[t] for n, t in self._tags.items()})
        except FAILURES as error:
            hint = "numbers beside a tag need a decimal point (1.0)"
            raise ValueError(
                f"interlock `{self._text}` fails at {seen}: {error}; {hint}"
            ) from error
        if result is not True and result is not False:
            kind = type(result).__name__
            raise ValueError(
                f"interlock `{self._text}` gives {kind} at {seen}, expected true or false"
            )


def variable(tag_id: str) -> str:
    """How an expression names a tag: every character that no identifier has becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", tag_id)


def variables(text: str) -> tuple[str, ...]:
    """Names an expression reads, sorted. Raises ValueError where it does not compile."""
    return tuple(sorted(_compile(text).variables()))


def _compile(text: str) -> "cel.Program":
    if len(text) > MAX_TEXT:
        raise ValueError(f"interlock of {len(text)} characters is too long, limit is {MAX_TEXT}")
    import cel  # costs 25 MB (it imports rich), so only a plant with interlocks pays

    try:
        program = cel.compile(text)
    except FAILURES as error:
        raise ValueError(f"interlock `{text}` does not compile: {error}") from error
    foreign = sorted(set(program.functions()) - OPERATORS)
    if foreign:
        raise ValueError(
            f"interlock `{text}` uses {', '.join(foreign)}, expected comparisons, logic and + - *"
        )
    return program


def _names(text: str, tags: Sequence[Tag]) -> dict[str, str]:
    """Tag ids by variable name, for every name the expression reads."""
    names: dict[str, str] = {}
    for tag in tags:
        name = variable(tag.id)
        if names.setdefault(name, tag.id) != tag.id:
            raise ValueError(f"interlock `{text}`: `{name}` may be `{names[name]}` or `{tag.id}`")
    unknown = [name for name in variables(text) if name not in names]
    if unknown:
        raise ValueError(f"interlock `{text}` reads `{unknown[0]}`, which is no tag of this plant")
    return names


def _samples(tags: Sequence[Tag]) -> Iterator[dict[str, float]]:
    """Low, middle and high of every tag, in all combinations where the tags are few."""
    spans = [_span(t) for t in tags]
    if len(tags) <= ALL_COMBINATIONS:
        for chosen in product(*spans):
            yield {t.id: v for t, v in zip(tags, chosen, strict=True)}
        return
    for level in range(3):
        yield {t.id: s[level] for t, s in zip(tags, spans, strict=True)}
    for moved, (low, _, high) in zip(tags, spans, strict=True):
        middle = {t.id: s[1] for t, s in zip(tags, spans, strict=True)}
        yield {**middle, moved.id: low}
        yield {**middle, moved.id: high}


def _span(tag: Tag) -> tuple[float, float, float]:
    low = float(tag.low) if isfinite(tag.low) else -UNBOUNDED
    high = float(tag.high) if isfinite(tag.high) else UNBOUNDED
    return low, (low + high) / 2, high
