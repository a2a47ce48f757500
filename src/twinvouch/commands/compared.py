"""How runs of a look-ahead compare: which leave their limits, which a command leaves further out than backup now, and which it eases.

By quantity, and where nothing may be worse by step: the largest excess of a run hides all others. What is no number never compares
in favour of a command.
"""

from typing import Final

import numpy as np

from twinvouch.core.lookahead import Branch

SLACK: Final = 1e-9  # shares of a range that are no difference
EASES: Final = 1e-3  # and what is one, where a command is to be better than none


def leaves(branches: tuple[Branch, ...]) -> bool:
    """True unless every run is inside its limits; what is no number leaves them."""
    return any(not b.worst <= SLACK for b in branches)


def eases(
    laws: int, commands: tuple[Branch, ...], standing: tuple[Branch, ...]
) -> tuple[bool, ...]:
    """Of each command branch: against no command, whatever law follows that, no quantity is further out and one is less far.

    Of all of them where in none, at no step, any quantity is further out: who refuses it leaves the plant where it is, or worse.
    """
    if len(commands) == len(standing) and all(map(_is_never_further, commands, standing)):
        return (True,) * len(commands)
    found = []
    for run, branch in enumerate(commands):
        first = run // laws * laws
        found.append(all(_eases(branch, other) for other in standing[first : first + laws]))
    return tuple(found)


def _eases(command: Branch, none: Branch) -> bool:
    """By quantity, since a command that eases the worst one may drive another out. Comparisons are so that NaN does not ease."""
    pairs = list(zip(command.each, none.each, strict=True))
    is_nowhere_worse = all(c <= max(0.0, n) + SLACK for c, n in pairs)
    return is_nowhere_worse and any(n > 0 and c <= n - EASES for c, n in pairs)


def further(
    laws: int, commands: tuple[Branch, ...], backups: tuple[Branch, ...]
) -> tuple[bool, ...]:
    """Of each command branch: the best law at once leaves some quantity less far out.

    By quantity: one that is out whatever is done hides no other. The best is that whose furthest is least, then its next one.
    """
    found = []
    for run, branch in enumerate(commands):
        first = run // laws * laws
        best = min(backups[first : first + laws], key=_outs)
        found.append(not _is_no_further(branch, best))
    return tuple(found)


def _outs(branch: Branch) -> list[float]:
    return sorted((max(0.0, e) for e in branch.each), reverse=True)


def _is_no_further(command: Branch, backup: Branch) -> bool:
    """NaN is further."""
    pairs = zip(command.each, backup.each, strict=True)
    return all(c <= max(0.0, b) + SLACK for c, b in pairs)


def _is_never_further(command: Branch, none: Branch) -> bool:
    """By step: the largest of a run hides what is only longer out. NaN is further."""
    if command.path is None or none.path is None or command.path.shape != none.path.shape:
        return False
    return bool((command.path <= np.maximum(none.path, 0.0) + SLACK).all())
