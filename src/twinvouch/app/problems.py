"""Problems of a configuration: where each is, in words; all of them are raised at once.

A message never shows a value that looks like a secret and never shows a control character.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from twinvouch.app.literal_secrets import looks_secret
from twinvouch.core.errors import ConfigError

MOST = 50  # problems told at once; the rest are counted


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A character of a text file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: `what, expected, got` in one sentence."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class InvalidConfigError(ConfigError):
    """A configuration that cannot be used; `problems` holds every one that was found, in order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = sorted(set(problems))
        assert found
        self.problems = tuple(found)
        lines = [str(p) for p in found[:MOST]]
        if len(found) > MOST:
            lines.append(f"... and {len(found) - MOST} more")
        super().__init__("\n".join(lines))


def shown(value: object, most: int = 60) -> str:
    """A value as a message may show it: one line, no control characters, cut, secrets left out."""
    if isinstance(value, str) and looks_secret(value):
        return "a value that looks like a secret (not shown)"
    if isinstance(value, dict):
        return f"a mapping of {len(value)}"
    if isinstance(value, list) and len(value) <= 4 and not any(map(_is_nested, value)):
        return f"[{', '.join(shown(v) for v in value)}]"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    text = ("true" if value else "false") if isinstance(value, bool) else repr(value)
    return text if len(text) <= most else text[:most] + "..."


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list)


def named(key: str) -> str:
    """A key or id in backticks, as a message may show it."""
    return "`" + shown(key)[1:-1] + "`" if not looks_secret(key) else shown(key)
