"""What history shows of readings that were disavowed: label 0 and the reason. What was written is not changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from twinvouch.core.disavowal import Stage
from twinvouch.core.event import Plain
from twinvouch.core.finding import Severity
from twinvouch.core.label import Axis
from twinvouch.engine.memory import Memory
from twinvouch.engine.sources import tags_from
from twinvouch.readings.wording import date

RULE: Final = "disavowal"
Span = tuple[int, int, str]  # first and last moment of receipt, ns, and a sentence


def spans(memory: Memory, tag: str) -> list[Plain]:
    """When what this tag said counts as nothing, and by what; read on the engine's thread."""
    return [
        [d.said.since_ns, d.said.until_ns, _sentence(d.said.since_ns, d.said.until_ns, d.entry)]
        for d in memory.disavowals.values()
        if d.stage is Stage.IN_EFFECT and tag in tags_from(memory, d.kind, d.name)
    ]


def shown(page: Mapping[str, Any], doubted: Sequence[Span]) -> Mapping[str, Any]:
    """A page of the history as rows or as columns, with what is disavowed."""
    if not doubted:
        return page
    if "columns" in page:
        return {**page, "columns": _columns(page["columns"], doubted)}
    return {**page, "readings": [_row(row, doubted) for row in page["readings"]]}


def _row(row: dict[str, Any], doubted: Sequence[Span]) -> dict[str, Any]:
    said = _said(row["received_ns"], doubted)
    if not said:
        return row
    severity = int(Severity.HIGH)
    reasons = [
        {"rule": RULE, "severity": severity, "sentence": words, "technique": ""} for words in said
    ]
    nothing = dict.fromkeys(row["label"], 0)
    return {**row, "label": nothing, "headline": 0, "reasons": [*row["reasons"], *reasons]}


def _columns(columns: Mapping[str, Any], doubted: Sequence[Span]) -> dict[str, Any]:
    said = [_said(at, doubted) for at in columns["received_ns"]]
    told = {
        axis.name.lower(): [
            0 if words else value
            for words, value in zip(said, columns[axis.name.lower()], strict=True)
        ]
        for axis in Axis
    }
    reasons = [
        "; ".join(filter(None, (old, *(f"{RULE}: {w}" for w in words))))
        for words, old in zip(said, columns["reasons"], strict=True)
    ]
    return {**columns, **told, "reasons": reasons}


def _said(received_ns: int, doubted: Sequence[Span]) -> list[str]:
    return [words for since, until, words in doubted if since <= received_ns <= until]


def _sentence(since_ns: int, until_ns: int, entry: int) -> str:
    return f"disavowed from {date(since_ns)} to {date(until_ns)} by entry {entry}"
