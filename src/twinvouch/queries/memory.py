"""What each service principal has read lately: such tags count as inputs of its commands (R7).

A twin cannot launder a value by reading it and then not declaring it. Per tag the worst axes seen in the
window are kept; persons are not remembered here, since they see screens, not arrays.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from twinvouch.core.label import Label
from twinvouch.wire.cbor import decode, encode

Seen = Mapping[str, tuple[int, tuple[int, ...]]]  # tag -> (last read ns, worst axes)


def remember(seen: Seen, tags: Sequence[str], label: Label, now_ns: int, keep_ns: int) -> Seen:
    """`seen` after reading `tags` whose labels are the columns of `label`; forgets what is older than keep_ns."""
    kept = {t: s for t, s in seen.items() if now_ns - s[0] <= keep_ns}
    for column, tag in enumerate(tags):
        axes = tuple(int(a) for a in label.axes[:, column])
        if tag in kept:
            axes = tuple(min(a, b) for a, b in zip(axes, kept[tag][1], strict=True))
        kept[tag] = (now_ns, axes)
    return kept


def recent(seen: Seen, now_ns: int, keep_ns: int) -> Mapping[str, tuple[int, ...]]:
    """Worst axes by tag of everything read within keep_ns."""
    return {t: axes for t, (at, axes) in seen.items() if now_ns - at <= keep_ns}


def write_seen(seen: Seen) -> bytes:
    """As bytes for the state store."""
    return encode([[tag, at, list(axes)] for tag, (at, axes) in sorted(seen.items())])


def read_seen(raw: bytes) -> Seen:
    """The inverse of `write_seen`."""
    content: Any = decode(raw)
    return {tag: (at, tuple(axes)) for tag, at, axes in content}
