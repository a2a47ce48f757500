"""missing: a polled tag has no reading for longer than `max_age_s`, although batches of its scan group come.

Its device does not answer, or refuses its address; the edge sends MISSING cells then. A scan group of which nothing
comes at all is the business of `stale`. One finding for all tags of a device, told once an episode, and one when
readings are back. Tags without a point are left alone: what reports by exception may be quiet for long.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from twinvouch.core.batch import Batch
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import ScanGroup
from twinvouch.readings.link import Absent, Link
from twinvouch.readings.view import View, present
from twinvouch.readings.wording import count, seconds

NAME = "missing"
TECHNIQUE = "T0804"


def follow(batch: Batch, view: View, link: Link) -> tuple[Link, tuple[Finding, ...]]:
    """The link with the tags that have no reading now, and findings about who is gone or back."""
    known = link.absent.get(view.group.name, {})
    if view.is_late or view.group.by_exception or (view.is_good and not known):
        return link, ()
    here = (present(batch) & view.sound[:, None]).any(axis=0)
    gone = np.flatnonzero(view.group.polled & ~here)
    absent = {
        view.group.ids[k]: known.get(view.group.ids[k]) or Absent(_since(view, k), told=False)
        for k in gone.tolist()
    }
    back = {tag: was for tag, was in known.items() if was.told and tag not in absent}
    late = [
        tag
        for tag, a in absent.items()
        if not a.told and view.now_ns - a.since_ns > view.group.max_age_ns
    ]
    absent |= {tag: absent[tag]._replace(told=True) for tag in late}
    if absent == known:
        return link, ()
    ages = {tag: view.now_ns - absent[tag].since_ns for tag in late}
    ages_back = {t: view.now_ns - a.since_ns for t, a in back.items() if t in view.group.ids}
    findings = (*_gone(view.group, ages), *_back(view.group, ages_back))
    others = {name: tags for name, tags in link.absent.items() if name != view.group.name}
    merged = others | ({view.group.name: absent} if absent else {})
    return replace(link, absent=merged), findings


def _since(view: View, k: int) -> int:
    """When its last reading was received; now where there never was one."""
    assert view.before is not None
    return int(view.before.received_ns[k]) or view.now_ns


def _gone(group: ScanGroup, ages: dict[str, int]) -> Iterator[Finding]:
    for device, tags in _by_device(group, list(ages)):
        age_ns = max(ages[tag] for tag in tags)
        yield Finding(
            NAME,
            tags[0] if len(tags) == 1 else group.edge,
            Severity.MEDIUM,
            f"no reading of {_named(tags)} on device `{device}` for {seconds(age_ns)}, limit is "
            f"{seconds(group.max_age_ns)}, while `{group.edge}` goes on sending scan group `{group.name}`: "
            f"the device does not answer, or refuses the address",
            TECHNIQUE,
            (("age_s", age_ns / 1e9), ("limit_s", group.max_age_ns / 1e9), ("tags", len(tags))),
        )


def _back(group: ScanGroup, ages: dict[str, int]) -> Iterator[Finding]:
    for device, tags in _by_device(group, list(ages)):
        age_ns = max(ages[tag] for tag in tags)
        yield Finding(
            NAME,
            tags[0] if len(tags) == 1 else group.edge,
            Severity.INFO,
            f"{_named(tags)} on device `{device}` {'has' if len(tags) == 1 else 'have'} readings again after "
            f"{seconds(age_ns)}",
            "",
            (("age_s", age_ns / 1e9), ("tags", len(tags))),
        )


def _named(tags: Sequence[str]) -> str:
    return f"`{tags[0]}`" if len(tags) == 1 else f"`{tags[0]}` and {count(len(tags) - 1, 'other')}"


def _by_device(group: ScanGroup, tags: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Tags of a scan group by their device, in the order of names."""
    device = {t.id: t.point.device for t in group.tags if t.point is not None}
    ordered = sorted((tag for tag in tags if tag in device), key=lambda tag: (device[tag], tag))
    for name, same in groupby(ordered, key=device.__getitem__):
        yield name, list(same)
