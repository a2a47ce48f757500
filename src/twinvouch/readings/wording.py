"""Words of findings: numbers and dates short, foreign text harmless."""

import numpy as np

SECOND = 1_000_000_000


def plain(text: str, limit: int = 60) -> str:
    """Foreign text at most `limit` long and without control characters: a finding is shown to people."""
    cut = text if len(text) <= limit else text[: limit - 1] + "\u2026"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)


def date(t_ns: int) -> str:
    """The UTC second of a time in ns, over the whole range of int64."""
    return f"{np.datetime64(t_ns // SECOND, 's')}Z"


def seconds(span_ns: float) -> str:
    """A span with its unit."""
    return (
        f"{span_ns / SECOND:.3g} s" if abs(span_ns) < 1000 * SECOND else f"{span_ns / SECOND:.0f} s"
    )


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
