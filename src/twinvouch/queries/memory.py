"""What each service principal has read lately: such tags count as inputs of its commands (R7).

A twin cannot launder a value by reading it and then not declaring it. What counts of a tag is the worst of
each axis that was seen within the window; when the window has passed a bad reading, it counts no more, also
for a service that reads all the time. Persons are not remembered here: they see screens, not arrivals.
What an open stream shows counts as read, batch by batch.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from twinvouch.core.label import Label
from twinvouch.wire.cbor import decode, encode

STREAM_NS: Final = 120_000_000_000  # an open stream asks again within this, or it is no longer one
MARK_NS: Final = 60_000_000_000
MOST: Final = 16  # readings of one tag that are told apart; beyond it the oldest two become one
Reading: TypeAlias = tuple[int, tuple[int, ...]]  # when, and the axes seen
Seen = Mapping[str, tuple[Reading, ...]]  # by tag, oldest first


def remember(seen: Seen, tags: Sequence[str], label: Label, now_ns: int, keep_ns: int) -> Seen:
    """`seen` after reading `tags` whose labels are the columns of `label`; forgets what is older than keep_ns."""
    kept = {t: late for t, readings in seen.items() if (late := _since(readings, now_ns - keep_ns))}
    return streamed(kept, tags, label, now_ns, keep_ns)


def streamed(seen: Seen, tags: Sequence[str], label: Label, now_ns: int, keep_ns: int) -> Seen:
    """The same for what an open stream shows: quick, since it looks at no other tags."""
    kept = dict(seen)
    for tag, axes in zip(tags, label.axes.T.tolist(), strict=True):
        late = _since(kept.get(tag, ()), now_ns - keep_ns)
        kept[tag] = _followed(late, (now_ns, tuple(axes)))
    return kept


def spoiled(seen: Seen, tags: Collection[str], at_ns: int) -> Seen:
    """`seen` where what was read of these tags up to `at_ns` counts as nothing, until the window has passed it."""
    kept = dict(seen)
    for tag in set(tags) & set(seen):
        width = len(seen[tag][0][1])
        kept[tag] = ((at_ns, (0,) * width), *(r for r in seen[tag] if r[0] > at_ns))
    return kept


def recent(seen: Seen, now_ns: int, keep_ns: int) -> Mapping[str, tuple[int, ...]]:
    """Worst axes by tag of everything read within keep_ns, by name: a restart does not know in which order it was read."""
    oldest_ns = now_ns - keep_ns
    told = ((tag, _since(readings, oldest_ns)) for tag, readings in sorted(seen.items()))
    return {tag: _worst(late) for tag, late in told if late}


def write_seen(seen: Seen) -> bytes:
    """As bytes for the state store."""
    return encode([[tag, [[at, list(axes)] for at, axes in seen[tag]]] for tag in sorted(seen)])


def read_seen(raw: bytes) -> Seen:
    """The inverse of `write_seen`."""
    content: Any = decode(raw)
    return {tag: tuple((at, tuple(axes)) for at, axes in readings) for tag, readings in content}


def _since(readings: Sequence[Reading], oldest_ns: int) -> tuple[Reading, ...]:
    if readings and readings[0][0] >= oldest_ns:
        return tuple(readings)
    return tuple(r for r in readings if r[0] >= oldest_ns)


def _followed(readings: Sequence[Reading], new: Reading) -> tuple[Reading, ...]:
    """An earlier reading matters only while some axis of it is worse than in the new one."""
    kept = [r for r in readings if any(a < b for a, b in zip(r[1], new[1], strict=True))]
    if len(kept) >= MOST:
        kept[:2] = [(kept[1][0], _worst(kept[:2]))]
    return (*kept, new)


def _worst(readings: Sequence[Reading]) -> tuple[int, ...]:
    if len(readings) == 1:
        return readings[0][1]
    return tuple(min(column) for column in zip(*(axes for _, axes in readings), strict=True))


@dataclass(frozen=True, slots=True)
class Marks:
    """Where in the ledger a service has read: `starts` are (ns, entry), one a minute at most; `last_ns` is the newest.

    What it read from the oldest start that counts on is what its commands rest on: up to a minute more than it did.
    """

    last_ns: int
    starts: tuple[tuple[int, int], ...]


def marked(marks: Marks | None, entry: int, now_ns: int, keep_ns: int) -> Marks:
    """`marks` after reading entry `entry`; forgets what the window has passed."""
    starts = () if marks is None else _within(marks, now_ns - keep_ns)
    if not starts or now_ns - starts[-1][0] >= MARK_NS:
        starts = (*starts, (now_ns, entry))
    return Marks(now_ns, starts)


def since(marks: Marks | None, now_ns: int, keep_ns: int) -> int:
    """The entry from which on what was read counts; -1 where nothing was read within keep_ns."""
    starts = () if marks is None else _within(marks, now_ns - keep_ns)
    return starts[0][1] if starts else -1


def write_marks(marks: Marks) -> list[object]:
    """As plain data for the state store."""
    return [marks.last_ns, [list(s) for s in marks.starts]]


def read_marks(content: Any) -> Marks:
    """The inverse of `write_marks`."""
    last_ns, starts = content
    return Marks(last_ns, tuple((at, entry) for at, entry in starts))


def _within(marks: Marks, oldest_ns: int) -> tuple[tuple[int, int], ...]:
    """Starts whose stretch, up to the next one or to the last reading, reaches into the window."""
    ends = (*(at for at, _ in marks.starts[1:]), marks.last_ns)
    return tuple(s for s, end in zip(marks.starts, ends, strict=True) if end >= oldest_ns)
