"""What one Sparkplug edge node says, over its births, data and deaths: a state machine without I/O.

Source: Eclipse Sparkplug 3.0.0, chapters 5 and 6. Data counts only between a birth and a death. Sequence
numbers go round at 256; a message that is missing means that more than it says may have changed, so all
other values of the node are UNCERTAIN until they are told again, the gap is filled or the node is born again.
A death must name the birth it belongs to (bdSeq). What is older than the newest of the node and fills no
gap was sent before and is ignored. Whoever can publish can forge all of it: Sparkplug has no authenticity.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import nan
from typing import TypeAlias

from twinvouch.core.batch import Quality
from twinvouch.core.errors import MalformedError
from twinvouch.core.report import Told
from twinvouch.wire.sparkplug import SEQ, Metric, Payload, number

MS = 1_000_000
_LATEST_MS = (2**63 - 1) // MS  # the last millisecond that an int64 of ns holds

Place: TypeAlias = tuple[str, str]  # device (empty: the node itself), metric


class Message(StrEnum):
    """Kinds of messages of a node, as they stand in the topic."""

    NBIRTH = "NBIRTH"
    NDATA = "NDATA"
    NDEATH = "NDEATH"
    DBIRTH = "DBIRTH"
    DDATA = "DDATA"
    DDEATH = "DDEATH"


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of one wanted metric; `value` of a BAD one is the last known, NaN where there is none."""

    place: Place
    t_ns: int
    value: float
    quality: Quality


@dataclass(slots=True)
class Heard:
    """What one message says: readings in order, and what is to be told (kind, device, numbers).

    `rebirth`: the node should be asked for a new birth, because without one something cannot be known.
    """

    readings: list[Reading] = field(default_factory=list)
    told: list[tuple[Told, str, tuple[tuple[str, float], ...]]] = field(default_factory=list)
    rebirth: bool = False

    def tell(self, told: Told, device: str = "", **numbers: float) -> None:
        """One thing that belongs into the record."""
        self.told.append((told, device, tuple(numbers.items())))


@dataclass(slots=True)
class Node:
    """One node's session. `wanted` are the metrics whose readings are given; the rest is only kept in order."""

    wanted: frozenset[Place]
    is_alive: bool = False
    _bd_seq: int = -1
    _born_ms: int = -1
    _newest_ms: int = -1
    _seq: int = 0
    _devices: set[str] = field(default_factory=set)
    _types: dict[Place, int | None] = field(default_factory=dict)
    _aliases: dict[int, Place] = field(default_factory=dict)
    _last: dict[Place, tuple[int, float]] = field(default_factory=dict)
    _missing: set[int] = field(default_factory=set)
    _unsure: set[Place] = field(default_factory=set)
    _doubt_ns: int = 0  # since when they are
    _dead_ns: int = 0  # when the last death came, by the clock of who heard it

    def feed(self, kind: Message, device: str, payload: Payload, now_ns: int) -> Heard:
        """Take the next message, received at `now_ns`; MalformedError for one that Sparkplug does not allow."""
        heard, known = Heard(), (self._types, self._aliases)
        try:
            self._take(kind, device, payload, heard, now_ns)
        except MalformedError:
            self._types, self._aliases = known
            raise
        return heard

    def _take(
        self, kind: Message, device: str, payload: Payload, heard: Heard, now_ns: int
    ) -> None:
        if kind is Message.NDEATH:
            self._death(payload, heard, now_ns)
            return
        seq, at_ms = payload.seq, payload.timestamp
        if seq is None or at_ms is None or at_ms > _LATEST_MS:
            raise MalformedError(f"sparkplug: {kind} without `seq` or a possible `timestamp`")
        if kind is Message.NBIRTH:
            self._birth(payload, heard, at_ms, seq)
        elif not self.is_alive or (kind is not Message.DBIRTH and device not in self._devices):
            heard.tell(Told.NO_BIRTH, device)
            heard.rebirth = True
            if self.is_alive:  # the message counts for the node, though not for its device
                self._in_order(seq, at_ms, device, heard)
        else:
            self._follow(kind, device, payload, heard, at_ms)

    def _birth(self, payload: Payload, heard: Heard, at_ms: int, seq: int) -> None:
        bd_seq = _bd_seq(payload)
        if at_ms <= self._born_ms:
            heard.tell(Told.REPLAY, bd_seq=bd_seq, behind_s=(self._born_ms - at_ms) / 1000)
            return
        self._types, self._aliases = {}, {}
        again = self.is_alive
        found = self._learn("", payload.metrics, at_ms)
        self.is_alive, self._bd_seq, self._seq, self._born_ms = True, bd_seq, seq, at_ms
        self._newest_ms = max(self._newest_ms, at_ms)
        self._devices = {""}
        self._missing.clear()
        self._unsure.clear()
        heard.tell(Told.BIRTH, bd_seq=bd_seq, again=float(again))
        self._say(found, heard)
        self._gone("", found, heard, self._ns(at_ms))

    def _death(self, payload: Payload, heard: Heard, now_ns: int) -> None:
        bd_seq = _bd_seq(payload)
        if bd_seq != self._bd_seq:
            if self._bd_seq >= 0:
                heard.tell(Told.REPLAY, bd_seq=bd_seq, expected=self._bd_seq)
            return
        if not self.is_alive:
            return
        self.is_alive = False
        self._devices.clear()
        heard.tell(Told.DEATH, bd_seq=bd_seq)
        # a will was written when the node connected: it is as old as the moment it comes
        at_ns = self._dead_ns = max(now_ns, self._ns(self._newest_ms))
        self._bad((p for p in self._last), heard, at_ns)

    def _follow(
        self, kind: Message, device: str, payload: Payload, heard: Heard, at_ms: int
    ) -> None:
        """A message of the living node, in its place among the others."""
        assert payload.seq is not None
        known, aside = (self._types, self._aliases), Heard()
        if kind is Message.DBIRTH:
            self._types = {p: t for p, t in known[0].items() if p[0] != device}
            self._aliases = {a: p for a, p in known[1].items() if p[0] != device}
            found = self._learn(device, payload.metrics, at_ms)
        else:
            found = self._resolve(device, payload.metrics, at_ms, aside)
        if not self._in_order(payload.seq, at_ms, device, heard, {r.place for r in found}):
            self._types, self._aliases = known
            return
        heard.told += aside.told
        heard.rebirth |= aside.rebirth
        if kind is Message.DDEATH:
            self._devices.discard(device)
            heard.tell(Told.DEATH, device)
            self._bad((p for p in self._last if p[0] == device), heard, self._ns(self._newest_ms))
            return
        self._say(found, heard)
        if kind is Message.DBIRTH:
            heard.tell(Told.BIRTH, device, again=float(device in self._devices))
            self._devices.add(device)
            self._gone(device, found, heard, self._ns(at_ms))
        self._reassure(heard)

    def _in_order(
        self, seq: int, at_ms: int, device: str, heard: Heard, said: Iterable[Place] = ()
    ) -> bool:
        """Whether a message has a place in the sequence; tells where it is not the next one."""
        expected = (self._seq + 1) % SEQ
        is_old = at_ms < self._newest_ms or (at_ms == self._newest_ms and seq == self._seq)
        if seq == expected and at_ms >= self._born_ms:
            self._missing.discard(seq)
        elif is_old and seq in self._missing and at_ms >= self._born_ms:
            self._missing.discard(seq)
            heard.tell(Told.REORDER, device, seq=seq, newest=self._seq)
            return True
        elif is_old or at_ms < self._born_ms:
            behind_s = (self._newest_ms - at_ms) / 1000
            heard.tell(Told.REPLAY, device, seq=seq, expected=expected, behind_s=behind_s)
            return False
        else:
            absent = (seq - expected) % SEQ
            heard.tell(Told.SEQUENCE, device, seq=seq, expected=expected, missing=absent)
            heard.rebirth = True
            self._missing |= {(expected + n) % SEQ for n in range(absent)}
            self._missing.discard(seq)
            self._doubt(set(said), heard, self._ns(at_ms))
        self._seq, self._newest_ms = seq, max(self._newest_ms, at_ms)
        return True

    def _doubt(self, said: set[Place], heard: Heard, at_ns: int) -> None:
        """Messages are missing: what this one does not say may have changed."""
        self._doubt_ns = at_ns
        for place in sorted(set(self._last) - said):
            if place[0] in self._devices:
                self._unsure.add(place)
                value = self._last[place][1]
                heard.readings.append(Reading(place, at_ns, value, Quality.UNCERTAIN))

    def _reassure(self, heard: Heard) -> None:
        """All that was missing came late: what nothing spoke of since is unchanged."""
        if self._missing or not self._unsure:
            return
        for place in sorted(self._unsure):
            at_ns, value = (
                max(self._last[place][0], self._ns(self._newest_ms)),
                self._last[place][1],
            )
            heard.readings.append(Reading(place, at_ns, value, Quality.GOOD))
        self._unsure.clear()

    def _learn(self, device: str, metrics: Sequence[Metric], at_ms: int) -> list[Reading]:
        """Names, aliases and datatypes of a birth, and the values it begins with."""
        found = []
        for metric in metrics:
            if metric.name is None:
                raise MalformedError("sparkplug: a metric without a name in a birth")
            place = device, metric.name
            taken = metric.alias is not None and self._aliases.setdefault(metric.alias, place)
            if place in self._types or (taken and taken != place):
                raise MalformedError(
                    f"sparkplug: `{metric.name:.60}`: the name or its alias is taken"
                )
            self._types[place] = metric.datatype
            if place in self.wanted:
                found.append(self._reading(place, metric, at_ms))
        return found

    def _resolve(
        self, device: str, metrics: Sequence[Metric], at_ms: int, heard: Heard
    ) -> list[Reading]:
        """Readings of wanted metrics; one that no birth named is told and left out."""
        found, strange = [], 0
        for metric in metrics:
            place: Place | None = (device, metric.name) if metric.name is not None else None
            if place is None:
                if metric.alias is None:
                    raise MalformedError("sparkplug: a metric without name and alias")
                place = self._aliases.get(metric.alias)
            if place is None or place not in self._types or place[0] != device:
                strange += 1
            elif place in self.wanted:
                own_ms = at_ms if metric.timestamp is None else metric.timestamp
                found.append(self._reading(place, metric, own_ms))
        if strange:
            heard.tell(Told.UNBORN, device, metrics=strange)
            heard.rebirth = True
        return found

    def _reading(self, place: Place, metric: Metric, at_ms: int) -> Reading:
        if at_ms > _LATEST_MS:
            raise MalformedError(f"sparkplug: `{place[1]:.60}`: timestamp {at_ms} is no time")
        value = number(metric, self._types[place])
        if value is None:
            return Reading(place, self._ns(at_ms), self._last.get(place, (0, nan))[1], Quality.BAD)
        return Reading(place, self._ns(at_ms), value, Quality.GOOD)

    def _ns(self, at_ms: int) -> int:
        """A time of the node; after a death, whose time is ours, never before that: it is a new life."""
        return max(at_ms * MS, self._dead_ns)

    def _say(self, found: Iterable[Reading], heard: Heard) -> None:
        for reading in found:
            heard.readings.append(reading)
            if reading.t_ns >= self._last.get(reading.place, (0, nan))[0]:
                self._last[reading.place] = reading.t_ns, reading.value
            if reading.t_ns >= self._doubt_ns:
                self._unsure.discard(reading.place)

    def _gone(self, device: str, found: Iterable[Reading], heard: Heard, at_ns: int) -> None:
        """Metrics that a new birth does not name any more count for nothing."""
        left = {p for p in self._last if p[0] == device} - {r.place for r in found}
        self._bad(left, heard, at_ns)

    def _bad(self, places: Iterable[Place], heard: Heard, at_ns: int) -> None:
        for place in sorted(places):
            heard.readings.append(Reading(place, at_ns, self._last[place][1], Quality.BAD))
            self._unsure.discard(place)


def _bd_seq(payload: Payload) -> int:
    metric = payload.metric("bdSeq")
    if metric is None or type(metric.value) is not int or not 0 <= metric.value < SEQ:
        raise MalformedError(f"sparkplug: a birth or death without a `bdSeq` of 0..{SEQ - 1}")
    return metric.value
