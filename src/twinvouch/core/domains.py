"""Which sources fail together: those that share an edge, zone, vendor, key or time source.

Who owns one of these may own every source behind it, so sources that share any of them count as one. A source whose
zone, vendor, key or time source is not known may share it with any other, so it shares with all: what is not
declared is never counted as independent.
"""

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.inventory import Domains


def independent(sources: Sequence[Domains]) -> NDArray[np.intp]:
    """The group of each source, intp[n], numbered from 0 in the order of their first source: one group, one voice."""
    groups = list(range(len(sources)))
    told = [astuple(d) for d in sources]
    for n, one in enumerate(told):
        for m in range(n):
            if _share(one, told[m]):
                low, high = sorted((groups[n], groups[m]))
                groups = [low if g == high else g for g in groups]
    return np.unique(np.array(groups, np.intp), return_inverse=True)[1].astype(np.intp)


def _share(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return any(a == b or not a or not b for a, b in zip(one, other, strict=True))
