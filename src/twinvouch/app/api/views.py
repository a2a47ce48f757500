"""What the API shows of the engine's memory, as plain data; every view runs on the engine's own thread."""

from collections import Counter
from collections.abc import Sequence
from math import isfinite

from twinvouch.app.api import virtual_view
from twinvouch.app.api.watchdog import watchdog
from twinvouch.commands.break_glass import NAMES as GLASS_NAMES
from twinvouch.commands.break_glass import was_waived
from twinvouch.commands.given import Given
from twinvouch.commands.register import Record, shown
from twinvouch.commands.safe_action import ADMITTED as SAFE
from twinvouch.commands.safe_action import was_admitted
from twinvouch.core.batch import Quality
from twinvouch.core.disavowal import Stage
from twinvouch.core.event import Plain
from twinvouch.core.inventory import key_id
from twinvouch.core.keyring import KeyVerb, Known
from twinvouch.core.label import Axis, expired
from twinvouch.core.mode import Rung
from twinvouch.core.safe import Safe, lately
from twinvouch.core.ticket import Ticket
from twinvouch.engine.keys import signed_since
from twinvouch.engine.memory import Memory
from twinvouch.engine.modes import shown as shown_mode
from twinvouch.engine.restoring import kind_of
from twinvouch.engine.standing import open_ones
from twinvouch.engine.withholding import withheld
from twinvouch.readings.link import Link
from twinvouch.twin.estimate import estimate, redundancies
from twinvouch.wire.signature import algorithm


def tags(memory: Memory, ids: Sequence[str]) -> list[Plain]:
    """Last admitted value, age and label of each tag."""
    label = memory.label(ids)
    head, axis = label.headline()
    return [
        _tag(memory, tag, label.axes[:, i].tolist(), int(head[i]), int(axis[i]))
        for i, tag in enumerate(ids)
    ]


def _tag(memory: Memory, tag: str, axes: list[int], headline: int, axis: int) -> dict[str, Plain]:
    about = memory.site.plant.tags[tag]
    last = memory.frame.last(tag)
    return {
        "tag": tag,
        "unit": about.unit,
        "description": about.description,
        "value": last.value if last is not None and isfinite(last.value) else None,
        "quality": Quality(last.quality).name.lower() if last is not None else "missing",
        "t_ns": last.t_ns if last is not None else None,
        "received_ns": last.received_ns if last is not None else None,
        "age_s": (memory.now_ns - last.received_ns) / 1e9 if last is not None else None,
        "entry": last.entry if last is not None else None,
        "label": {a.name.lower(): axes[a] for a in Axis},
        "headline": headline,
        "headline_axis": Axis(axis).name.lower(),
        "distrusted": memory.distrust().tags.get(tag, 0) > memory.now_ns,
        "actuator": about.command_class.value if about.command_class is not None else None,
        "virtual": virtual_view.shown(memory, tag),
    }


def command(record: Record) -> dict[str, Plain]:
    """One command with everything an approver must see; `shown` is what an approval signs."""
    c, d = record.command, record.decision
    return {
        "id": c.id,
        "principal": c.principal,
        "tag": c.tag,
        "value": c.value,
        "unit": c.unit,
        "made_ns": c.made_ns,
        "inputs": [{"tag": i.tag, "entry": i.entry} for i in c.inputs],
        "reason": c.reason,
        "signed": c.signed,
        "status": record.status.value,
        "verdict": d.verdict.value,
        "why": d.why,
        "reasons": [
            {
                "rule": r.rule,
                "verdict": r.verdict.value,
                "sentence": r.sentence,
                "counterfactual": r.counterfactual,
            }
            for r in d.reasons
        ],
        "axes": list(d.axes),
        "parents": list(d.parents),
        "clamped_to": None if d.clamp is None else d.clamp.value,
        "clamped_by": [] if d.clamp is None else list(d.clamp.by),
        "admitted_as": SAFE if was_admitted(d) else GLASS_NAMES[0] if was_waived(d) else None,
        "approvals": [a.principal for a in record.approvals],
        "approvals_needed": d.approvals_needed,
        "entry": record.entry,
        "decision_entry": record.decision_entry,
        "permit_entry": record.permit_entry if record.permit_entry >= 0 else None,
        "outcome_entry": record.outcome_entry if record.outcome_entry >= 0 else None,
        "outcome": record.outcome,
        "response": record.response or None,
        "expires_ns": record.expires_ns,
        "shown": shown(c, d).hex(),
    }


def commands(memory: Memory, status: str, limit: int) -> list[Plain]:
    """The newest commands first."""
    chosen = [
        r for r in reversed(memory.records.values()) if not status or r.status.value == status
    ]
    return [command(r) for r in chosen[:limit]]


def advice(given: Given) -> dict[str, Plain]:
    """One piece of advice; value, unit and sentence only while people may see them."""
    a, judged = given.advice, given.judged
    said: dict[str, Plain] = {"value": a.value, "unit": a.unit, "says": a.says}
    return {
        "id": a.id,
        "principal": a.principal,
        "subject": a.subject,
        "class": judged.letter,
        "standing": judged.standing.value,
        "why": judged.why,
        "since_ns": given.since_ns,
        **(said if given.is_readable else dict.fromkeys(said)),
        "made_ns": a.made_ns,
        "until_ns": a.until_ns,
        "inputs": [{"tag": i.tag, "entry": i.entry} for i in a.inputs],
        "signed": a.signed,
        "label": {axis.name.lower(): judged.axes[axis] for axis in Axis},
        "entry": given.entry,
        "standing_entry": given.judged_entry,
    }


def pieces(memory: Memory, standing: str, limit: int) -> list[Plain]:
    """The newest advice first."""
    chosen = [
        g
        for g in reversed(memory.advice.values())
        if not standing or g.judged.standing.value == standing
    ]
    return [advice(g) for g in chosen[:limit]]


def findings(memory: Memory, since: int, limit: int) -> list[Plain]:
    """Recent findings from ledger index `since` on, oldest first."""
    chosen = [f for f in memory.findings if f[0] >= since][-limit:]
    return [
        {
            "entry": entry,
            "at_ns": at,
            "rule": f.rule,
            "subject": f.subject,
            "severity": f.severity.name.lower(),
            "sentence": f.sentence,
            "technique": f.technique,
            "evidence": {name: value if isfinite(value) else None for name, value in f.evidence},
            "rows": f.rows,
            "first_row": f.first_row,
        }
        for entry, at, f in chosen
    ]


def _chain(memory: Memory, edge: str, link: Link) -> dict[str, Plain]:
    """What a genesis has to name, and whether the chain waits for one."""
    known = memory.beginnings.get(edge)
    is_doubted = known is not None and not known.is_founded
    last = known.last if known is not None and is_doubted else link.digest
    return {
        "is_doubted": is_doubted,
        "chain_end": last.hex(),
        "doubted_epoch": known.epoch if known is not None and is_doubted else None,
    }


def status(memory: Memory) -> dict[str, Plain]:
    """How the plant's security layer is doing, in numbers."""
    plant = memory.site.plant
    edges = {
        edge: {
            "epoch": link.epoch,
            "seq": link.seq,
            "last_s": (memory.now_ns - link.received_ns) / 1e9,
            "skew_s": None if link.clock.lag_ns is None else -link.clock.lag_ns / 1e9,
            **_chain(memory, edge, link),
        }
        for edge, link in memory.links.items()
    }
    held = sum(r.is_open for r in memory.records.values())
    glasses = memory.glasses.values()
    return {
        "plant": plant.id,
        "origin": memory.site.origin.name.lower(),
        "entries": memory.size,
        "now_ns": memory.now_ns,
        "config": memory.site.config_digest.hex(),
        "policy": memory.site.policy.digest.hex(),
        "tags": len(plant.tags),
        "edges": edges,
        "silent_edges": [e for e in plant.edges if e not in memory.links or memory.links[e].silent],
        "open_commands": held,
        "distrusted": sorted(memory.distrusted),
        "distrusted_kinds": dict(Counter(kind_of(memory, s) for s in memory.distrusted)),
        "advice": dict(Counter(g.judged.standing.value for g in open_ones(memory))),
        "advice_to_judge": len(memory.unjudged),
        "disavowals": _disavowals(memory),
        "redundancy": _redundancy(memory),
        "tickets": [_ticket(t) for t in memory.tickets.values() if t.end_ns > memory.now_ns],
        "model": _model(memory),
        "disk_full": memory.is_disk_full,
        "break_glass": sorted(g.subject for g in glasses if g.is_open(memory.now_ns)),
        "modes": {a: memory.mode_of(a).rung.label for a in memory.modes},
        "watchdogs": {n: watchdog(memory, n) for n in memory.site.watchdogs},
        "counts": dict(memory.counts),
        "config_signed": memory.signed.number,
        "missing_key_statements": memory.ring.missing if memory.ring is not None else [],
        "no_permits": [why for _, why in withheld(memory)],
    }


def _disavowals(memory: Memory) -> dict[str, Plain]:
    """How many stand how; what was said of whom is read with the lineage."""
    stages = [d.stage for d in memory.disavowals.values()]
    return {s.value: stages.count(s) for s in Stage if s in stages}


def modes(memory: Memory) -> list[Plain]:
    """The mode of every asset that has actuators, or whose mode was ever set."""
    plant = memory.site.plant
    acting = {t.asset for t in plant.tags.values() if t.is_actuator}
    return [
        _mode(memory, asset)
        for asset in sorted(acting | set(memory.modes))
        if asset in plant.assets
    ]


def _safe(memory: Memory, safe: Safe) -> Plain:
    """One listed safe action: under which list, and how often it was admitted in the last hour."""
    return {
        "tag": safe.tag,
        "value": safe.value,
        "per_hour": safe.per_hour,
        "used": len(lately(memory.safe_used, safe, memory.now_ns)),
        "is_open": safe.is_open(memory.now_ns),
        "list": safe.digest.hex(),
    }


def _mode(memory: Memory, asset: str) -> Plain:
    """`shown` is what a person who raises it signs."""
    mode, stepped = memory.mode_of(asset), memory.mode_of(asset).stepped
    asked = mode.asked if mode.asked is not None and mode.asked[2] >= memory.now_ns else None
    listed = memory.site.safe.values()
    return {
        "asset": asset,
        "mode": mode.rung.label,
        "epoch": mode.epoch,
        "highest": memory.site.modes.highest.get(asset, Rung.SUPERVISED).label,
        "since_ns": mode.since_ns or None,
        "until_ns": mode.until_ns or None,
        "by": mode.by,
        "why": mode.why,
        "entry": mode.entry if mode.entry >= 0 else None,
        "returns_to": stepped.back.label if stepped is not None and stepped.causes else None,
        "causes": list(stepped.causes) if stepped is not None else [],
        "asked_by": asked[0] if asked is not None else None,
        "safe_actions": [_safe(memory, s) for each in listed for s in each if s.asset == asset],
        "shown": shown_mode(asset, mode).hex(),
    }


def _redundancy(memory: Memory) -> list[Plain]:
    """How far each quantity that is measured several times is vouched for (R3); its value is no business of status."""
    told: list[Plain] = []
    for of in redundancies(memory.site.plant):
        label = expired(memory.label(of.tags), memory.now_ns)
        agreed = estimate(of, memory.site.plant, memory.frame, label).agreed
        axes = agreed.label.axes[:, 0].tolist()
        told.append(
            {
                "name": of.name,
                "tags": list(of.tags),
                "independent": agreed.independent,
                "agreeing": agreed.agreeing,
                "label": {a.name.lower(): axes[a] for a in Axis},
            }
        )
    return told


def _ticket(ticket: Ticket) -> Plain:
    """Work that is going on."""
    return {
        "work": ticket.work.value,
        "tags": list(ticket.tags),
        "by": ticket.principal,
        "until_ns": ticket.end_ns,
    }


def _model(memory: Memory) -> Plain:
    """The model that detects lies: none, waiting for gate 2, or at work."""
    if memory.site.detector is None:
        return None
    at_work = memory.detector() is not None
    admitted = memory.models[memory.site.detector.model] if at_work else {}
    until_ns = admitted.get("valid_until_ns")
    return {
        "name": memory.site.detector.model,
        "digest": memory.site.detector.digest.hex(),
        "at_work": at_work,
        "valid_until_ns": until_ns,
        "expired": isinstance(until_ns, int) and until_ns <= memory.now_ns,
    }


def keys(memory: Memory) -> list[Plain]:
    """Every key of the ring, or of twin.yaml where there is none, with its use."""
    if memory.ring is not None:
        return [_key(memory, known) for _, known in sorted(memory.ring.keys.items())]
    listed: list[Plain] = [
        {
            "key_id": kid.hex(),
            "algorithm": algorithm(p.key),
            "purpose": p.kind.value,
            "principal": p.id,
            "not_before_ns": None,
            "not_after_ns": None,
            "entry": None,
            "revoked": None,
            **_uses(memory, kid),
        }
        for kid, p in sorted(memory.site.plant.by_key_id.items(), key=lambda each: each[1].id)
    ]
    return listed


def _key(memory: Memory, known: Known) -> dict[str, Plain]:
    said, revoked = known.said, known.revoked
    kid = key_id(said.key)
    trusted = said.verb is KeyVerb.TRUST
    told: dict[str, Plain] = {
        "key_id": kid.hex(),
        "algorithm": algorithm(said.key),
        "purpose": said.purpose.value,
        "principal": said.principal,
        "not_before_ns": said.not_before_ns if trusted else None,
        "not_after_ns": said.not_after_ns if trusted else None,
        "entry": known.entry if known.entry >= 0 else None,
        "revoked": None,
        **_uses(memory, kid),
    }
    if revoked is not None:
        told["revoked"] = {
            "reason": revoked.reason,
            "since_ns": revoked.since_ns,
            "entry": known.revoked_entry,
            "signed_since": signed_since(memory.uses.get(kid, {}), revoked.since_ns),
        }
    return told


def _uses(memory: Memory, kid: bytes) -> dict[str, Plain]:
    hours = memory.uses.get(kid, {}).values()
    return {
        "uses": sum(sum(u.counts.values()) for u in hours),
        "last_used_ns": max((u.last_ns for u in hours), default=None),
    }
