"""What look-ahead keeps between events: questions on their way, and where tags were while they were trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinvouch.commands.lookahead import ASKED, NAMES, models
from twinvouch.core.command import Decision, Verdict
from twinvouch.core.lookahead import Prediction, Question
from twinvouch.core.site import Site
from twinvouch.core.trusted import Trusted, Window
from twinvouch.core.virtual import Axes
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.lookahead import (
    read_foresight,
    read_question,
    write_foresight,
    write_question,
)


@dataclass(frozen=True, slots=True)
class Posed:
    """A question as it is put to a model: itself, and its bytes, of which its digest is."""

    question: Question
    raw: bytes

    @staticmethod
    def of(question: Question) -> "Posed":
        """Written down."""
        return Posed(question, write_question(question))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about one held command that has no answer yet; `because` of entries it was judged again.

    `trusted` are the tags whose readings it starts from: where one is not trusted any more when the answer comes, it is an
    answer to a question of the past. So it is where an actuator of the model got a permit from ledger entry `since` on, which
    the question knows nothing of. Of a second model, `first` is what the first one was asked and foresaw.
    """

    ident: str
    posed: Posed
    asked_ns: int
    because: tuple[int, ...] = ()
    trusted: tuple[str, ...] = ()
    first: Prediction | None = None
    since: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """What a tag's label must reach to be remembered, and how long a window is: the most that any actuator wants."""

    demands: Axes
    window_ns: int


def starts(site: Site) -> Mapping[str, Mapping[str, Watch]]:
    """The tags that look-ahead starts from, by scan group."""
    found: dict[str, dict[str, Watch]] = {}
    for ahead in (each for of in site.ahead.values() for each in models(of)):
        for source in ahead.sources.values():
            group = site.plant.tags[source.tag].group
            had = found.setdefault(group, {}).get(source.tag, Watch((0, 0, 0, 0), 0))
            a, b = had.demands, ahead.demands
            most = max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
            window_ns = max(had.window_ns, ahead.window_ns)
            found[group][source.tag] = Watch(most, window_ns)
    return found


def waits(decision: Decision) -> bool:
    """True where it is held for an answer."""
    return decision.verdict is Verdict.HOLD and any(
        r.rule == NAMES[0] and r.sentence == ASKED for r in decision.reasons
    )


def write_asked(asked: Asked) -> bytes:
    """As bytes for the state store."""
    lists, first = (list(asked.because), list(asked.trusted)), asked.first
    seen = None if first is None else first.foresight
    raw = b"" if seen is None else write_foresight(seen)
    about = b"" if first is None else write_question(first.asked)
    told = (asked.ident, asked.posed.raw, asked.asked_ns)
    return encode([1, *told, *lists, raw, about, asked.since])


def read_asked(raw: bytes) -> Asked:
    """The inverse of `write_asked`."""
    content: Any = decode(raw)
    version, ident, question, asked_ns, because, trusted, *more = content
    assert version == 1, version
    # an earlier version knew of no second model, another not of permits meanwhile
    rest: Any = (*more, *(b"", b"", 0)[len(more) :])
    seen, about, since = rest
    first = Prediction(read_question(about), read_foresight(seen)) if seen else None
    posed = Posed(read_question(question), question)
    return Asked(ident, posed, asked_ns, tuple(because), tuple(trusted), first, since)


def write_trusted(trusted: Trusted) -> bytes:
    """As bytes for the state store."""
    windows = [w for w in (trusted.now, trusted.before) if w is not None]
    told = [[w.low, w.high, list(w.axes), w.since_ns, w.last_ns, w.entry] for w in windows]
    return encode([1, told])


def read_trusted(raw: bytes) -> Trusted:
    """The inverse of `write_trusted`."""
    content: Any = decode(raw)
    version, told = content
    assert version == 1, version
    windows = [_window(*each) for each in told]
    return Trusted(windows[0], windows[1] if len(windows) > 1 else None)


def _window(low: float, high: float, axes: Any, since_ns: int, last_ns: int, entry: int) -> Window:
    a, b, c, d = axes
    return Window(low, high, (a, b, c, d), since_ns, last_ns, entry)
