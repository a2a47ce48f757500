"""A plant of many tags in parts of related ones, so that neither cost nor memory of a tag grows with the plant.

Each tag is estimated from the tags of its own part alone, and the control logic is looked for there. Up to MOST tags
that move are one part.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinvouch.core.table import Table
from twinvouch.readings.detect import columns
from twinvouch.readings.detect.columns import Columns
from twinvouch.readings.detect.learned import Learned, Part
from twinvouch.readings.detect.repeats import Windows
from twinvouch.readings.detect.slow import Channel
from twinvouch.readings.detect.tails import Tails

MOST: Final = 64
_FULL: Final = 48
_ROWS: Final = 4000  # so many rows, evenly spread, tell who is related
_SAME_ASSET: Final = 0.2  # counts as so much correlation


def divide(table: Table) -> tuple[NDArray[np.intp], ...]:
    """Places of the tags of each part, rising, of a training table.

    What never moves explains nothing: it does not count, and goes where most tags of its asset are.
    """
    sample = table.values[:: max(len(table.values) // _ROWS, 1)]
    mean, scale = columns.moments(sample)
    moving = np.flatnonzero(scale > 0)
    if len(moving) <= MOST:
        return (np.arange(len(table.ids)),)
    away = (np.where(np.isfinite(sample), sample, mean) - mean)[:, moving] / scale[moving]
    related = np.abs(away.T @ away) / len(sample)
    _, asset = np.unique([name.rpartition("/")[0] for name in table.ids], return_inverse=True)
    related += _SAME_ASSET * (asset[moving][:, None] == asset[moving])
    np.fill_diagonal(related, 0.0)
    found = [moving[members] for members in _groups(related)]
    for k in np.flatnonzero(scale == 0).tolist():
        own = [np.count_nonzero(asset[part] == asset[k]) for part in found]
        at = int(np.argmax(own))
        found[at] = np.append(found[at], k)
    return tuple(np.sort(part) for part in found)


def _groups(related: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Of n tags that have to do with each other as float64[n, n] says, groups of at most _FULL."""
    left = np.ones(len(related), np.bool_)
    found = []
    while left.any():
        members = [int(np.where(left, related @ left, -1.0).argmax())]
        left[members[0]] = False
        near = related[members[0]].copy()
        while len(members) < _FULL and left.any():
            nearest = int(np.where(left, near, -1.0).argmax())
            left[nearest] = False
            members.append(nearest)
            near += related[nearest]
        found.append(np.array(members))
    return found


def of(table: Table, tags: NDArray[np.intp]) -> Table:
    """Some columns of a table; all of them without a copy."""
    if len(tags) == len(table.ids):
        return table
    return Table(tuple(table.ids[k] for k in tags), table.t_ns, table.values[:, tags])


def joined(
    ids: tuple[str, ...], divided: Sequence[NDArray[np.intp]], lessons: Sequence[Learned]
) -> Learned:
    """What parts taught, as of one plant of tags `ids`; both fusions are left to be learned over all."""
    pairs = list(zip(divided, lessons, strict=True))

    def wide(name: str) -> NDArray[np.float64]:
        """A field whose last dimension is that of the tags."""
        first = getattr(lessons[0], name)
        whole = np.zeros((*first.shape[:-1], len(ids)), first.dtype)
        for tags, lesson in pairs:
            whole[..., tags] = getattr(lesson, name)
        return whole

    tails = Tails(np.empty(len(ids)), np.empty(len(ids)))
    for tags, lesson in pairs:
        tails.q[tags], tails.b[tags] = lesson.still_tails.q, lesson.still_tails.b
    return replace(
        lessons[0],
        columns=_columns(ids, pairs),
        parts=tuple(_placed(lesson.parts[0], tags) for tags, lesson in pairs),
        q=wide("q"),
        b=wide("b"),
        **_logic(pairs),
        spread=wide("spread"),
        still_tails=tails,
        rest=wide("rest"),
        channels=_channels(len(ids), pairs),
        windows=Windows(_windows(len(ids), pairs), lessons[0].windows.memory),
        runs=wide("runs").astype(np.int64),
        ends=wide("ends"),
    )


def _logic(pairs: Sequence[tuple[NDArray[np.intp], Learned]]) -> dict[str, Any]:
    """The control logic of all parts, in places of the whole."""
    rules = [
        replace(r, switch=int(tags[r.switch]), tag=int(tags[r.tag]), setpoint=_at(tags, r.setpoint))
        for tags, lesson in pairs
        for r in lesson.rules
    ]
    points = [
        replace(
            p,
            switch=int(tags[p.switch]),
            tag=int(tags[p.tag]),
            setpoints=(_at(tags, p.setpoints[0]), _at(tags, p.setpoints[1])),
        )
        for tags, lesson in pairs
        for p in lesson.points
    ]
    clocks = [
        replace(c, switch=int(tags[c.switch])) for tags, lesson in pairs for c in lesson.clocks
    ]
    return {"rules": tuple(rules), "points": tuple(points), "clocks": tuple(clocks)}


def _at(tags: NDArray[np.intp], place: int) -> int:
    return -1 if place < 0 else int(tags[place])


def _placed(part: Part, tags: NDArray[np.intp]) -> Part:
    return replace(part, tags=tags, switches=tags[part.switches])


def _windows(width: int, pairs: Sequence[tuple[NDArray[np.intp], Learned]]) -> NDArray[np.int64]:
    rows = np.zeros(width, np.int64)
    for tags, lesson in pairs:
        rows[tags] = lesson.windows.rows
    return rows


def _channels(width: int, pairs: Sequence[tuple[NDArray[np.intp], Learned]]) -> tuple[Channel, ...]:
    found = []
    for n, channel in enumerate(pairs[0][1].channels):
        limit = np.empty(width)
        for tags, lesson in pairs:
            limit[tags] = lesson.channels[n].limit
        found.append(replace(channel, limit=limit))
    return tuple(found)


def _columns(ids: tuple[str, ...], pairs: Sequence[tuple[NDArray[np.intp], Learned]]) -> Columns:
    whole = {name: np.empty(len(ids)) for name in ("step", "mean", "scale", "low")}
    places: dict[str, list[NDArray[np.intp]]] = {
        name: [] for name in ("continuous", "switches", "rare", "constant")
    }
    for tags, lesson in pairs:
        for name, array in whole.items():
            array[tags] = getattr(lesson.columns, name)
        for name, found in places.items():
            found.append(tags[getattr(lesson.columns, name)])
    rare = np.concatenate(places["rare"])
    usual = np.concatenate([lesson.columns.usual for _, lesson in pairs])
    order = np.argsort(rare)
    first = pairs[0][1].columns
    return Columns(
        ids,
        **whole,
        continuous=np.sort(np.concatenate(places["continuous"])),
        switches=np.sort(np.concatenate(places["switches"])),
        rare=rare[order],
        usual=usual[order],
        constant=np.sort(np.concatenate(places["constant"])),
        period_ns=first.period_ns,
        has_calendar=first.has_calendar,
    )
