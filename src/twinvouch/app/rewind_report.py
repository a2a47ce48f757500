"""What a rewind found, as plain data and as lines for people."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from twinvouch.app.disowned import Disowned
from twinvouch.app.moments import moment_text
from twinvouch.app.rewind import Done
from twinvouch.app.terminal import safe
from twinvouch.commands.given import Given
from twinvouch.core.batch import Quality
from twinvouch.core.inventory import Plant
from twinvouch.core.label import Axis
from twinvouch.engine import differing
from twinvouch.engine.differing import Decided, Otherwise, Said, TagNow
from twinvouch.engine.memory import Memory
from twinvouch.twin.estimate import Estimate

SHOWN = 20  # of each kind that are printed for people; `--json` has them all


def as_data(done: Done) -> dict[str, Any]:
    """The report as one JSON object."""
    found = done.run.lineages
    old, new = found.both.old.memory, found.both.new.memory
    told = found.differing.told
    return {
        "to": moment_text(old.now_ns),
        "disavowed": [_span(s) for s in done.chosen.spans],
        "not_left_out": [{**_span(s), "why": why} for s, why in (*done.chosen.left, *done.run.later)],
        "faithful": True,  # else an error was raised
        **_counted(done),
        "decisions": [_decision(o, old.site.plant) for o in found.differing.otherwise()],
        "decisions_left_off": dict(found.differing.more),
        "decisions_made": found.differing.commands,
        "advice": [_advice(s.old, s.new) for s in found.differing.stood()],
        "tags": [_tag(t, a, b) for t, (a, b) in differing.tags(old, new).items()],
        "estimates": [
            _estimate(n, a, b, new) for n, (a, b) in differing.estimates(old, new, new.upheld).items()
        ],
        "models": differing.memos(old, new),
        "findings": {
            name: {"count": sum(each.counts.values()), "by_rule": dict(sorted(each.counts.items())),
                   "first": [_finding(f) for f in each.findings]}
            for name, each in zip(("old_only", "new_only"), told, strict=True)
        },
        "permits_not_issued": found.both.passed.permits,
        "outcomes_passed_over": found.both.passed.outcomes,
    }  # fmt: skip


def _counted(done: Done) -> dict[str, Any]:
    """Where it began, how much was fed and checked, and what it made."""
    counts, seconds = done.run.counts, done.seconds
    return {
        "began_at_record": done.start.record,
        "began_with": done.start.backup or "nothing known",
        "records": counts.records,
        "records_before_fork": counts.forked_at,
        "entries_compared": counts.entries,
        "state_rows_compared": counts.rows_compared,
        "other_configurations": [
            {"since": moment_text(ns), "configuration": a.hex(), "policy": b.hex()}
            for ns, a, b in done.run.past.told()
        ],
        "shredded": [
            {"stream": s, "day": day, "records": n} for (s, day), n in sorted(counts.shredded.items())
        ],
        "seconds": round(seconds, 3),
        "records_per_s": round(counts.records / seconds) if seconds else 0,
        "directory": str(done.directory),
        "ledger": str(done.directory / "ledger"),
        "ledger_key": done.run.lineage.ledger_key,
        "drafts_removed": list(done.removed),
    }  # fmt: skip


def _span(s: Disowned) -> dict[str, Any]:
    return {
        "subject": s.subject,
        "since": moment_text(s.since_ns),
        "until": moment_text(s.until_ns),
        "entry": s.entry if s.entry >= 0 else None,
    }


def _decision(o: Otherwise, plant: Plant) -> dict[str, Any]:
    command = o.record.command
    tag = plant.tags.get(command.tag)
    letter = tag.command_class if tag is not None else None
    first = o.old or o.new
    return {
        "command": command.id,
        "tag": command.tag,
        "class": None if letter is None else letter.value,
        "at": None if first is None else moment_text(first.at_ns),
        "executed": o.is_executed,
        "old": _decided(o.old),
        "new": _decided(o.new),
        "old_end": None if o.old_status is None else o.old_status.value,
        "new_end": None if o.new_status is None else o.new_status.value,
    }


def _decided(d: Decided | None) -> dict[str, Any] | None:
    if d is None:
        return None
    decision = d.record.decision
    return {
        "at": moment_text(d.at_ns),
        "verdict": decision.verdict.value,
        "status": d.record.status.value,
        "value": d.value,
        "label": _axes(decision.axes),
        "why": d.record.outcome or decision.why,
        "rules": [r.rule for r in decision.reasons],
    }


def _advice(old: Given | None, new: Given | None) -> dict[str, Any]:
    either = old or new
    assert either is not None
    return {
        "advice": either.advice.id,
        "subject": either.advice.subject,
        "principal": either.advice.principal,
        "old": _stood(old),
        "new": _stood(new),
    }


def _stood(given: Given | None) -> dict[str, Any] | None:
    if given is None:
        return None
    judged, since = given.judged, moment_text(given.since_ns)
    return {"standing": judged.standing.value, "since": since, "why": judged.why}


def _tag(tag: str, old: TagNow, new: TagNow) -> dict[str, Any]:
    return {"tag": tag, "old": _now(old), "new": _now(new)}


def _now(now: TagNow) -> dict[str, Any]:
    last = now.last
    return {
        "value": None if last is None else _number(last.value),
        "quality": None if last is None else Quality(last.quality).name.lower(),
        "t": None if last is None else moment_text(last.t_ns),
        "label": _axes(now.axes),
        "headline": min(now.axes),
    }


def _estimate(name: str, old: Estimate, new: Estimate, memory: Memory) -> dict[str, Any]:
    others = differing.others(new, memory)
    reads = {tag: memory.frame.last(tag) for tag in old.of.tags}
    return {
        "name": name,
        "tags": {tag: None if last is None else _number(last.value) for tag, last in reads.items()},
        "left_out": sorted(set(memory.upheld) & set(old.of.tags)),
        "old": _agreed(old),
        "new": _agreed(new),
        "others": None if others is None else _agreed(others),
    }


def _agreed(e: Estimate) -> dict[str, Any]:
    agreed = e.agreed
    return {
        "value": _number(agreed.value),
        "agreeing": agreed.agreeing,
        "independent": agreed.independent,
        "label": _axes(tuple(agreed.label.axes[:, 0].tolist())),
    }


def _finding(f: Said) -> dict[str, Any]:
    return {"at": moment_text(f.at_ns), "rule": f.rule, "subject": f.subject, "why": f.sentence}


def _axes(axes: tuple[int, ...]) -> dict[str, int]:
    return {axis.name.lower(): axes[axis] for axis in Axis}


def _number(value: float) -> float | None:
    """None where it is no number: JSON has no NaN."""
    return value if isfinite(value) else None


def as_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The report for people."""
    yield from _head(told)
    decisions = told["decisions"]
    done = sum(d["executed"] for d in decisions)
    yield (
        f"decisions that would have been different: {len(decisions)} of {told['decisions_made']}, "
        f"{done} of them carried out"
    )
    yield from _cut(decisions, _decision_line)
    if told["decisions_left_off"]:
        yield f"  and {sum(told['decisions_left_off'].values())} more that are only counted: rewind a shorter time"
    yield f"advice that would have stood differently: {len(told['advice'])}"
    yield from _cut(told["advice"], lambda a: f"{safe(a['subject'])}: {_words(a, 'standing')}")
    yield f"tags that stand differently at {told['to']}: {len(told['tags'])}"
    yield from _cut(told["tags"], _tag_line)
    for e in told["estimates"]:
        yield f"  {safe(e['name'])}, measured by {len(e['tags'])}: {_together(e)}"
    if told["models"]:
        yield f"memories of models and rules that differ: {', '.join(map(safe, told['models']))}"
    for name, words in (("old_only", "only as it was"), ("new_only", "only as it would have been")):
        found = told["findings"][name]
        yield f"findings {words}: {found['count']}"
        yield from _cut(found["first"], lambda f: f"{f['at']} {safe(f['rule'])}: {safe(f['why'])}")
    yield f"twinvouch ledger verify {safe(told['ledger'])} --key {told['ledger_key']}"


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"rewound to {told['to']} from record {told['began_at_record']} ({safe(told['began_with'])})"
    for span in told["disavowed"]:
        yield f"left out: {safe(span['subject'])} from {span['since']} to {span['until']}"
    for span in told["not_left_out"]:
        yield f"not left out: {safe(span['subject'])}: {span['why']}"
    for other in told["other_configurations"]:
        yield f"from {other['since']} under configuration {other['configuration'][:16]}: judged by the rules of now"
    if not told["disavowed"]:
        yield "nothing is disavowed: the new lineage is the old one"
    yield (
        f"faithful: all {told['entries_compared']:,} entries and {told['state_rows_compared']:,} state rows come out "
        f"as they are; {told['records']:,} records in {told['seconds']} s, {told['records_per_s']:,} records/s"
    )


def _cut(items: list[Any], line: Any) -> Iterator[str]:
    for each in items[:SHOWN]:
        yield f"  {line(each)}"
    if len(items) > SHOWN:
        yield f"  and {len(items) - SHOWN} more: --json has them all"


def _decision_line(d: Mapping[str, Any]) -> str:
    why = (d["new"] or d["old"])["why"]
    what = f"{d['at']} {safe(d['tag'])} (class {d['class']}) command {d['command'][:8]}"
    return f"{what}: {_words(d, 'verdict')}, {d['old_end']} -> {d['new_end']}: {safe(why)}"


def _tag_line(t: Mapping[str, Any]) -> str:
    value = f"{t['old']['value']}" if t["old"]["value"] == t["new"]["value"] else _pair(t, "value")
    return f"{safe(t['tag'])}: value {value}, trust {_pair(t, 'headline')}"


def _together(e: Mapping[str, Any]) -> str:
    """What redundant tags say, what those say that were left out, and what the others say without them."""
    left = ", ".join(f"`{safe(t)}` says {e['tags'][t]}" for t in e["left_out"])
    told = f"{_pair(e, 'value')}, trust {_least(e['old'])} -> {_least(e['new'])}"
    if e["others"] is not None:
        told += f"; {left}, the others {e['others']['value']}, trust {_least(e['others'])}"
    return told


def _least(estimate: Mapping[str, Any]) -> int:
    return int(min(estimate["label"].values()))


def _words(pair: Mapping[str, Any], key: str) -> str:
    old, new = (("none" if pair[side] is None else pair[side][key]) for side in ("old", "new"))
    return f"{old} -> {new}"


def _pair(pair: Mapping[str, Any], key: str) -> str:
    return f"{pair['old'][key]} -> {pair['new'][key]}"
