"""Which sources fail together: those that share an edge, zone, vendor, key or time source.

Who owns one of these may own every source behind it, so sources that share any of them count as one. A source whose
zone, vendor, key or time source is not known may share it with any other, so it shares with all: what is not
declared is never counted as independent.
"""

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.inventory import Domains

_NAMES: Final = tuple(f.name for f in fields(Domains))
_told: Final = attrgetter(*_NAMES)


def independent(sources: Sequence[Domains]) -> NDArray[np.intp]:
    """The group of each source, intp[n], numbered from 0 in the order of their first source: one group, one voice."""
    groups = list(range(len(sources)))
    told = [_told(d) for d in sources]
    for n, one in enumerate(told):
        for m in range(n):
            if any(map(_is_shared, one, told[m])):
                low, high = sorted((groups[n], groups[m]))
                groups = [low if g == high else g for g in groups]
    return np.unique(np.array(groups, np.intp), return_inverse=True)[1].astype(np.intp)


def shared(one: Domains, other: Domains) -> tuple[str, ...]:
    """The names of the domains that two sources share."""
    told = zip(_NAMES, _told(one), _told(other), strict=True)
    return tuple(name for name, a, b in told if _is_shared(a, b))


def _is_shared(a: str, b: str) -> bool:
    return a == b or not a or not b
