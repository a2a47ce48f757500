"""What two lineages of one log made of it differently: what they said on the way, and how things stand in the end."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Final, TypeVar

import numpy as np

from twinvouch.commands.given import Given
from twinvouch.commands.register import Record
from twinvouch.core.command import CommandStatus
from twinvouch.core.event import Effect, Publish
from twinvouch.engine.memory import Memory
from twinvouch.twin.estimate import Estimate, estimate, redundancies
from twinvouch.twin.frame import Last

T = TypeVar("T")
MOST: Final = 10_000  # commands decided otherwise that are remembered; the others are counted
SHOWN: Final = 1000  # findings of each lineage that are told one by one; all are counted
CARRIED_OUT: Final = frozenset({CommandStatus.EXECUTED, CommandStatus.FAILED, CommandStatus.UNKNOWN})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """A finding of one lineage that the other did not have from the same event."""

    at_ns: int
    rule: str
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision on a command, or the end of it: when, and the record then."""

    at_ns: int
    record: Record

    @property
    def value(self) -> float | None:
        """What a permit of it writes; None where it allows none."""
        return self.record.value if self.record.decision.permits else None


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A command decided otherwise: the first decisions that differ (None: there was none), and what became of it in each."""

    old: Decided | None
    new: Decided | None
    old_status: CommandStatus | None
    new_status: CommandStatus | None

    @property
    def record(self) -> Record:
        """One of its records, for what is the same in both."""
        either = self.old or self.new
        assert either is not None
        return either.record

    @property
    def is_executed(self) -> bool:
        """Whether the plant has, or may have, carried it out."""
        return self.old_status in CARRIED_OUT


@dataclass(frozen=True, slots=True)
class Stood:
    """Advice that stood otherwise: the first of each that differ; None: it was not given."""

    old: Given | None
    new: Given | None


@dataclass(frozen=True, slots=True)
class TagNow:
    """One tag in one lineage: its last reading (None: never read) and its label as readers see it, four axes."""

    last: Last | None
    axes: tuple[int, ...]


@dataclass(slots=True)
class _Told:
    """What one lineage said since the fork."""

    findings: list[Said] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # of findings, by rule
    commands: dict[str, list[Decided]] = field(default_factory=dict)
    advice: dict[str, list[Given]] = field(default_factory=dict)


class Differing:
    """Watches both lineages event by event."""

    def __init__(self, old: Memory, new: Memory) -> None:
        self._memories = old, new
        self.told = _Told(), _Told()
        self.more: Counter[str] = (
            Counter()
        )  # commands decided otherwise beyond MOST, by status in the old lineage
        self.commands = 0  # decisions of the old lineage, and ends of commands in it
        for told, memory in zip(self.told, self._memories, strict=True):  # both know what is open
            open_ones = [r for r in memory.records.values() if r.is_open]
            told.commands = {r.command.id: [Decided(memory.now_ns, r)] for r in open_ones}
            told.advice = {a: [g] for a, g in memory.advice.items() if g.is_open}

    def look(self, old: Sequence[Effect], new: Sequence[Effect]) -> None:
        """Take in the effects of one event."""
        said = _findings(old), _findings(new)
        for told, memory, mine, theirs in zip(
            self.told, self._memories, said, reversed(said), strict=True
        ):
            if mine:
                _only(told, memory.now_ns, mine, theirs)
        for told, memory, effects in zip(self.told, self._memories, (old, new), strict=True):
            for effect in effects:
                if isinstance(effect, Publish):
                    _remember(told, memory, effect)
        self.commands += sum(isinstance(e, Publish) and e.topic == "command" for e in old)
        for effect in (*old, *new):
            if isinstance(effect, Publish) and _is_course(effect):
                self._settle(effect.body["id"])

    def begin_again(self, old: Memory, new: Memory) -> None:
        """Go on with the memories of engines that were restored from these."""
        self._memories = old, new

    def _settle(self, name: str) -> None:
        """Forget a command that is over in both and went the same way; of those that did not, keep so many."""
        old, new = (told.commands.get(name, []) for told in self.told)
        if not all(each and not each[-1].record.is_open for each in (old, new)):
            return
        is_other = _first_other(old, new, _went) is not None
        if is_other and len(self.told[0].commands) > MOST:
            self.more[old[-1].record.status.value] += 1
        elif is_other:
            return
        for told in self.told:
            del told.commands[name]

    def otherwise(self) -> list[Otherwise]:
        """Commands decided otherwise: first what the plant has carried out, then in the order of time."""
        old, new = self.told
        found = []
        for name in dict.fromkeys((*old.commands, *new.commands)):
            pair = old.commands.get(name, []), new.commands.get(name, [])
            first = _first_other(*pair, _went)
            if first is not None:
                ends = (self._end(name, n, each) for n, each in enumerate(pair))
                found.append(Otherwise(*first, *ends))
        return sorted(found, key=lambda o: (not o.is_executed, o.record.received_ns))

    def stood(self) -> list[Stood]:
        """Advice that stood otherwise, in the order of time."""
        old, new = self.told
        found = []
        for name in dict.fromkeys((*old.advice, *new.advice)):
            pair = old.advice.get(name, []), new.advice.get(name, [])
            first = _first_other(*pair, lambda given: given.judged.standing)
            if first is not None:
                found.append(Stood(*first))
        return found

    def _end(self, name: str, lineage: int, told: Sequence[Decided]) -> CommandStatus | None:
        record = self._memories[lineage].records.get(name)
        if record is None and told:
            record = told[-1].record
        return None if record is None else record.status


def tags(old: Memory, new: Memory) -> Mapping[str, tuple[TagNow, TagNow]]:
    """Tags whose value, quality or label differ now."""
    ids = tuple(old.site.plant.tags)
    labels = old.label(ids).axes, new.label(ids).axes
    found = {}
    for n, tag in enumerate(ids):
        a, b = (TagNow(m.frame.last(tag), tuple(axes[:, n].tolist()))
                for m, axes in zip((old, new), labels, strict=True))  # fmt: skip
        if a.axes != b.axes or _reading(a.last) != _reading(b.last):
            found[tag] = (a, b)
    return found


def estimates(
    old: Memory, new: Memory, about: Collection[str] = ()
) -> Mapping[str, tuple[Estimate, Estimate]]:
    """Quantities that several tags measure (R3) of which the two say other things now, or that have a tag of `about`."""
    found = {}
    for of in redundancies(old.site.plant):
        a, b = (estimate(of, m.site.plant, m.frame, m.label(of.tags)) for m in (old, new))
        if _estimated(a) != _estimated(b) or not set(about).isdisjoint(of.tags):
            found[of.name] = (a, b)
    return found


def others(of: Estimate, m: Memory) -> Estimate | None:
    """What a redundancy says without the tags that a rewind leaves out; None where it leaves out none, or all."""
    left = tuple(t for t in of.of.tags if t not in m.upheld)
    if not left or len(left) == len(of.of.tags):
        return None
    return estimate(replace(of.of, tags=left), m.site.plant, m.frame, m.label(left))


def memos(old: Memory, new: Memory) -> list[str]:
    """What models and declared rules remember otherwise: the names."""
    names = sorted({*old.memos, *new.memos})
    return [name for name in names if _stored(old, name) != _stored(new, name)]


def _stored(m: Memory, name: str) -> object:
    memo = m.memos.get(name)
    if memo is None:
        return None
    return memo.about, [(a.dtype.str, a.shape, a.tobytes()) for a in map(np.asarray, memo.stored())]


def _reading(last: Last | None) -> object:
    """What is read of a tag, without the place of its entry; NaN is like NaN."""
    return None if last is None else (repr(last.value), last.quality, last.t_ns, last.received_ns)


def _estimated(e: Estimate) -> object:
    agreed = e.agreed
    return repr(agreed.value), agreed.agreeing, agreed.label.axes.tolist()


def _findings(effects: Sequence[Effect]) -> list[Publish]:
    return [e for e in effects if isinstance(e, Publish) and e.topic == "finding"]


def _only(told: _Told, now_ns: int, mine: Sequence[Publish], theirs: Sequence[Publish]) -> None:
    """Remember what only one lineage found in an event."""
    left = Counter((e.body["rule"], e.body["subject"]) for e in theirs)
    for effect in mine:
        rule, subject = effect.body["rule"], effect.body["subject"]
        if left[rule, subject] > 0:
            left[rule, subject] -= 1
            continue
        told.counts[rule] += 1
        if len(told.findings) < SHOWN:
            told.findings.append(Said(now_ns, rule, subject, effect.body["sentence"]))


def _remember(told: _Told, memory: Memory, effect: Publish) -> None:
    name = effect.body.get("id")
    if _is_course(effect) and name in memory.records:
        told.commands.setdefault(name, []).append(Decided(memory.now_ns, memory.records[name]))
    elif effect.topic == "advice" and name in memory.advice:
        told.advice.setdefault(name, []).append(memory.advice[name])


def _is_course(effect: Publish) -> bool:
    """True of what is decided on a command and how it ends. How the plant responded comes later, as a finding of its own."""
    return effect.topic in {"command", "outcome"} and "response" not in effect.body


def _went(d: Decided) -> object:
    return d.record.decision.verdict, d.record.status


def _first_other(
    old: Sequence[T], new: Sequence[T], by: Callable[[T], object]
) -> tuple[T | None, T | None] | None:
    """The first of each in which two courses differ, by what changes in them; None where they do not."""
    a, b = _changes(old, by), _changes(new, by)
    for mine, theirs in zip_longest(a, b):
        if mine is None or theirs is None or by(mine) != by(theirs):
            return mine, theirs
    return None


def _changes(told: Sequence[T], by: Callable[[T], object]) -> list[T]:
    """Without what only repeats how it stood before."""
    return [each for n, each in enumerate(told) if not n or by(each) != by(told[n - 1])]
