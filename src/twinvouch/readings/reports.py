"""Reports of an edge about its sources become findings: the rules are here, the edge says which and how often.

What a broker or node did is seen by the edge alone, so it signs a report into the chain of its batches. It
holds codes and numbers; the sentences are made here. The subject is the edge: it is all that is authenticated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from twinvouch.core.finding import Finding, Severity
from twinvouch.core.report import Report, Told
from twinvouch.readings.wording import count, plain

Numbers: TypeAlias = Mapping[str, float]

TECHNIQUES = {  # ATT&CK for ICS, by rule
    "sparkplug_sequence": "T0804",
    "sparkplug_reorder": "T0830",
    "sparkplug_replay": "T0856",
    "sparkplug_death": "",
    "sparkplug_birth": "",
    "sparkplug_no_birth": "",
    "sparkplug_unborn": "T0856",
    "source_malformed": "",
    "source_lost": "T0804",
    "source_back": "",
    "source_overflow": "T0804",
    "source_retained": "",
}
NAMES = tuple(TECHNIQUES)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of report is told; `words` follow the name of the source."""

    name: str
    severity: Severity
    words: Callable[[Numbers], str]


def _of(name: str) -> Callable[[Numbers], str]:
    return lambda numbers: f"{numbers.get(name, 0):g}"


_seq, _missing, _bd_seq = _of("seq"), _of("missing"), _of("bd_seq")

RULES: Mapping[Told, Rule] = {
    Told.SEQUENCE: Rule(
        "sparkplug_sequence",
        Severity.MEDIUM,
        lambda n: (
            f"sent seq {_seq(n)} with {_missing(n)} missing before it: what it did not say is uncertain"
        ),
    ),
    Told.REORDER: Rule(
        "sparkplug_reorder",
        Severity.LOW,
        lambda n: f"sent seq {_seq(n)} late: it fills a gap",
    ),
    Told.REPLAY: Rule(
        "sparkplug_replay",
        Severity.HIGH,
        lambda n: (
            f"sent a birth or death of another session again (bdSeq {_bd_seq(n)}): ignored"
            if "bd_seq" in n
            else f"sent seq {_seq(n)} again, or a retained message: older than what came before, ignored"
        ),
    ),
    Told.DEATH: Rule(
        "sparkplug_death",
        Severity.MEDIUM,
        lambda _: (
            "is gone, by its own word or its broker's: its tags are bad until it is born again"
        ),
    ),
    Told.BIRTH: Rule(
        "sparkplug_birth",
        Severity.INFO,
        lambda n: "was born again while alive" if n.get("again") else "was born",
    ),
    Told.NO_BIRTH: Rule(
        "sparkplug_no_birth",
        Severity.MEDIUM,
        lambda _: (
            "sends data without a birth that was seen: ignored; restart it, or let the edge ask (`rebirth`)"
        ),
    ),
    Told.UNBORN: Rule(
        "sparkplug_unborn",
        Severity.MEDIUM,
        lambda n: f"sent {n.get('metrics', 0):g} metrics that its birth did not name: ignored",
    ),
    Told.MALFORMED: Rule(
        "source_malformed", Severity.MEDIUM, lambda _: "sent what cannot be read: ignored"
    ),
    Told.LOST: Rule(
        "source_lost", Severity.MEDIUM, lambda _: "does not answer: its tags grow old until it does"
    ),
    Told.BACK: Rule("source_back", Severity.INFO, lambda _: "answers again"),
    Told.OVERFLOW: Rule(
        "source_overflow",
        Severity.HIGH,
        lambda _: "sent more than could be kept: messages were dropped",
    ),
    Told.RETAINED: Rule(
        "source_retained",
        Severity.LOW,
        lambda _: "holds a retained message that does not say how old it is: ignored",
    ),
}


def findings(reports: Sequence[Report], edge: str) -> tuple[Finding, ...]:
    """One finding a report, in their order."""
    return tuple(_finding(report, edge) for report in reports)


def _finding(report: Report, edge: str) -> Finding:
    rule = RULES[report.told]
    often = f" ({count(report.count, 'time')})" if report.count > 1 else ""
    sentence = f"`{plain(report.source)}` behind `{edge}` {rule.words(dict(report.numbers))}{often}"
    numbers = (("count", float(report.count)), *report.numbers)
    return Finding(rule.name, edge, rule.severity, sentence, TECHNIQUES[rule.name], numbers)
