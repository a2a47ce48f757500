"""`Engine.feed`: the page that shows the whole flow.

Readings come in through gate 1 and become the frame; models pass gate 2; questions pass gate 3; commands pass
gate 4 and become permits. Every step appends a ledger entry. Same events at the same times, same effects:
chance comes in as the event's salt, time as `now_ns`, keys never. Effects may leave the process only after the
event, from which its entries follow, is durable; the caller sees to that.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from twinvouch.commands import arrivals
from twinvouch.core.batch import Admitted
from twinvouch.core.event import (
    AdviceGiven,
    BatchReceived,
    CommandProposed,
    DisavowalTraced,
    DiskChanged,
    Effect,
    EpochOpened,
    Event,
    HistoryChanged,
    Keep,
    KeyStated,
    ModelSubmitted,
    OutcomeReported,
    QueryAsked,
    Rewound,
    SimulationDone,
    Started,
    StatementReceived,
    StrangersRefused,
    Tick,
    WitnessReported,
)
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import PrincipalKind
from twinvouch.core.site import Site
from twinvouch.core.virtual import Axes
from twinvouch.engine import (
    disavowed,
    disavowing,
    foreseeing,
    modes,
    returning,
    rows,
    standing,
    standing_in,
    validity,
    virtual,
    watching,
)
from twinvouch.engine.acting import on_command, on_outcome, on_statement
from twinvouch.engine.advising import on_advice
from twinvouch.engine.epochs import on_epoch
from twinvouch.engine.keys import bad_key, on_key, signed, use
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out, enter, refuse, tally
from twinvouch.engine.rests import of_answer, trained_on
from twinvouch.engine.rewinding import on_rewound
from twinvouch.engine.signing import on_config
from twinvouch.engine.ticking import on_tick
from twinvouch.engine.witnessed import on_witness
from twinvouch.ledger import entry
from twinvouch.ledger.rests import Rests
from twinvouch.models import gate as models_gate
from twinvouch.queries import gate as queries_gate
from twinvouch.queries.memory import STREAM_NS, marked, remember, streamed
from twinvouch.readings import gate as readings_gate
from twinvouch.readings.refusals import strangers
from twinvouch.wire.config import is_config
from twinvouch.wire.cose import key_id_of
from twinvouch.wire.manifest import digests_digest


class Engine:
    """One plant's gates in one place; `memory` is read by views on the engine's own thread."""

    def __init__(self, site: Site) -> None:
        self.memory = Memory(site)

    def feed(self, event: Event, now_ns: int, stored: bytes = b"") -> list[Effect]:
        """Take one event in and give its effects out; never raises on hostile content.

        `stored` is the SHA-256 of the event's record where that is encrypted: entries then commit to it.
        """
        self.memory.now_ns = max(self.memory.now_ns, now_ns)
        out = Out(self.memory, event.salt, stored)
        HANDLERS[type(event)](self.memory, out, event)
        return out.effects

    def drain(self) -> dict[str, bytes | None]:
        """Rows changed since the last drain, for the state store; None deletes."""
        return rows.drain(self.memory)

    def restore(self, stored: Mapping[str, bytes]) -> None:
        """Become the engine that drained these rows."""
        rows.restore(self.memory, stored)


def _on_started(m: Memory, out: Out, event: Started) -> None:
    m.runs_with = event.config, event.policy, event.build
    m.ticked = None  # the monotonic clock of another boot is another one
    m.dirty.add("ticked")
    validity.begin(m)
    out.append(entry.start(m.site.plant.id, m.now_ns, event, out.salt))
    disavowing.begin(m, out)
    foreseeing.begin(m, out)
    watching.begin(m, out)
    out.reply(200)


def _on_batch(m: Memory, out: Out, event: BatchReceived) -> None:
    admission = readings_gate.admit(event, m.site, m.links, m.frame, m.context(), m.now_ns)
    if isinstance(admission, readings_gate.Accepted):
        key = key_id_of(event.raw)
        use(m, key, "batch", _accept(m, out, admission, key))
    elif isinstance(admission, readings_gate.Repeated):
        m.set_link(admission.link)
        m.counts["batch:repeated"] += 1
        if admission.finding.severity > Severity.INFO:
            enter(m, out, admission.link.edge, admission.finding)
        out.reply(200, status=admission.finding.rule, why=admission.finding.sentence)
    elif admission.edge:
        index = enter(m, out, admission.edge, admission.finding)
        out.reply(
            401
            if admission.finding.rule in {"wrong_link", "epoch"}
            else 422,  # 401: the sender keeps it
            status="refused",
            rule=admission.finding.rule,
            why=admission.finding.sentence,
            entry=index,
        )
    else:
        refuse(m, out, event.peer, admission.finding)


def _accept(m: Memory, out: Out, admission: readings_gate.Accepted, key: bytes) -> int:
    admitted, link = admission.admitted, admission.link
    batch = admitted.batch
    named = out.blob(entry.findings_content(admitted.findings)) if admitted.findings else None
    label_digest = _keep_label(m, out, admitted) if len(batch.t_ns) else None
    came = _came(m, admitted, link.entry)
    index = out.append(
        entry.batch(admitted, m.now_ns, out.commit(batch.digest), [named, label_digest], came)
    )
    m.set_link(replace(link, entry=index))
    m.set_beginning(link.edge, admission.beginning)
    m.set_memos(admission.memos)
    if len(batch.t_ns):  # a report of an edge has no rows
        signed(m, batch.group, index, key)
        m.dirty |= m.past.follow(admitted, m.frame, m.now_ns)
        m.frame.update(admitted, index, m.now_ns)
        m.doubt(admission.doubted)
        foreseeing.learn(m, batch.group, index)
        virtual.learn(m, admitted, index)
        arrivals.remember(m.arrivals, admitted, index, m.now_ns)
        m.dirty.add(f"arrival/{index}")
        m.dirty.add(f"frame/{batch.group}")
    m.counts["batch:admitted"] += 1
    m.counts["cells:admitted"] += entry.present(batch)
    out.show(admitted.findings, index)
    out.reply(200, status="admitted", entry=index, findings=len(admitted.findings))
    if admitted.in_live.any():
        returning.follow(m, out, admitted)
        _show(m, batch.group, index)
        out.publish(
            "labels",
            **_newest(m, admitted),
            entry=index,
            group=batch.group,
            rows=len(batch.t_ns),
            received_ns=m.now_ns,
        )
    return index


def _came(m: Memory, admitted: Admitted, previous: int) -> entry.Came:
    """What a batch continues, which columns it has, and the model that it was scored by."""
    group = m.site.plant.groups.get(admitted.batch.group)
    detector = m.detector()
    model = None if detector is None else m.models[detector.model]["entry"]
    judged_by = (model,) if isinstance(model, int) and len(admitted.batch.t_ns) else ()
    return entry.Came(previous, b"" if group is None else group.digest, judged_by)


def _keep_label(m: Memory, out: Out, admitted: Admitted) -> bytes:
    """Keep the label's blob and give its digest; the usual label of a scan group is kept already."""
    group = admitted.batch.group
    key = entry.label_key(admitted.label, m.now_ns)
    known_key, known_digest = m.labels.get(group, (b"", b""))
    if key and key == known_key:
        return known_digest
    digest, stored = entry.label_blob(admitted.label, m.now_ns)
    out.effects.append(Keep(digest, stored, is_shared=True))
    m.labels[group] = (key, digest)
    return digest


def _newest(m: Memory, admitted: Admitted) -> dict[str, Any]:
    """The newest live row for the stream, as arrays in the order of the scan group's tags.

    Of a group by exception all tags as they are now: what the batch says nothing of is unchanged.
    """
    batch, label = admitted.batch, admitted.label
    row = int(np.flatnonzero(admitted.in_live)[-1])
    times = {"first_t_ns": int(batch.t_ns[0]), "t_ns": int(batch.t_ns[row])}
    if m.site.plant.groups[batch.group].by_exception:
        now = m.frame.columns(batch.group)
        parts = (now.values.copy(), now.quality.copy(), now.axes.copy())
    else:
        parts = batch.values[row], batch.quality[row], label.axes[:, row]
    return {**times, **dict(zip(("values", "quality", "axes"), parts, strict=True))}


def _on_query(m: Memory, out: Out, event: QueryAsked) -> None:
    answer = queries_gate.decide(event, m.site)
    caps: Mapping[str, Axes] = {}
    if answer.allowed and event.action == "readAdvice":
        caps = standing.before_shown(m, out, event.resource)
        event = replace(event, tags=(*event.tags, *caps))
    elif answer.allowed and event.action == "readVirtual":
        event = replace(event, tags=standing_in.read(m, event.resource))
    named = out.blob([event.resource, event.purpose, list(event.tags), answer.why])
    rests = of_answer(m, event) if answer.allowed else Rests()
    index = out.append(
        entry.query(m.site.plant.id, m.now_ns, named, event, rests, allowed=answer.allowed)
    )
    if event.link and event.link != event.principal:
        finding = Finding("wrong_link", event.link, Severity.HIGH, answer.why, "T0859")
        enter(m, out, event.link, finding)
    m.counts["query:allowed" if answer.allowed else "query:denied"] += 1
    if answer.allowed and event.action == "takePermits":
        modes.announce(m, out)
    principal = m.site.plant.principals.get(event.principal)
    if (
        answer.allowed
        and event.tags
        and principal is not None
        and principal.kind is PrincipalKind.SERVICE
    ):
        seen, keep_ns = m.seen.get(principal.id, {}), m.site.commands.read_memory_ns
        label = standing.capped(m.label(event.tags), event.tags, caps)
        m.seen[principal.id] = remember(seen, event.tags, label, m.now_ns, keep_ns)
        m.dirty.add(f"seen/{principal.id}")
        m.answered[principal.id] = marked(m.answered.get(principal.id), index, m.now_ns, keep_ns)
        m.dirty.add(f"marks/{principal.id}")
        if event.action == "stream":
            m.streams[principal.id] = m.now_ns + STREAM_NS
            m.dirty.add("streams")
    out.reply(
        200 if answer.allowed else 403,
        status="allowed" if answer.allowed else "denied",
        why=answer.why,
        entry=index,
    )


def _show(m: Memory, group: str, index: int) -> None:
    """What a batch changed is on every open stream: a service that has one has read it (R7)."""
    keep_ns = m.site.commands.read_memory_ns
    for principal, until in m.streams.items():
        if until >= m.now_ns:
            tags = m.site.plant.groups[group].ids
            seen = m.seen.get(principal, {})
            m.seen[principal] = streamed(seen, tags, m.label(tags), m.now_ns, keep_ns)
            m.dirty.add(f"seen/{principal}")
            m.streamed[principal] = marked(m.streamed.get(principal), index, m.now_ns, keep_ns)
            m.dirty.add(f"marks/{principal}")


def _on_model(m: Memory, out: Out, event: ModelSubmitted) -> None:
    judged = models_gate.judge(event, m.site, m.now_ns, m.ring)
    if judged.manifest is not None and (bad := bad_key(m, key_id_of(event.raw))):
        found = Finding("model_signature", judged.manifest.model, Severity.HIGH, bad)
        judged = replace(judged, admitted=False, findings=(*judged.findings, found))
    manifest = judged.manifest
    if manifest is None:
        refuse(m, out, event.peer, judged.findings[0])
        return
    committed = out.commit(judged.digest)
    name = manifest.model
    rests = trained_on(m.renumbered.entries(manifest.lineage), m.size)
    index = out.append(
        entry.model(m.site.plant.id, m.now_ns, committed, name, rests, admitted=judged.admitted)
    )
    use(m, key_id_of(event.raw), "model", index)
    if judged.findings:
        out.report(judged.findings, [index])
    why = [f.sentence for f in judged.findings]
    if not judged.admitted:
        first = judged.findings[0].rule
        out.reply(422, status="refused", rule=first, name=manifest.model, entry=index, why=why)
        return
    m.models[manifest.model] = {
        "name": manifest.model,
        "version": manifest.version,
        "signer": judged.signer,
        "files": {name: digest.hex() for name, digest in manifest.files.items()},
        "digest": digests_digest(manifest.files).hex(),
        "entry": index,
        "admitted_ns": m.now_ns,
        "valid_until_ns": manifest.valid_until_ns,
    }
    m.dirty.add(f"model/{manifest.model}")
    named = {"name": manifest.model, "version": manifest.version}
    out.reply(200, status="admitted", **named, entry=index)


def _on_strangers(m: Memory, out: Out, event: StrangersRefused) -> None:
    named = out.blob([list(p) for p in event.peers])
    index = out.append(
        entry.strangers(m.site.plant.id, m.now_ns, named, event.rules, event.since_ns)
    )
    found = strangers(event.rules, event.peers)
    out.show(found, index)
    for finding, (rule, times) in zip(found, event.rules, strict=True):
        m.counts["refused"] += times
        m.counts[f"refusal:{rule}"] += times
        tally(m, finding, times - 1)  # one was counted when it was shown
    out.reply(200, entry=index)


def _on_disk(m: Memory, out: Out, event: DiskChanged) -> None:
    """Enter what the disk is like; a finding when it became full and when it has room again."""
    index = out.append(entry.disk(m.site.plant.id, m.now_ns, event))
    free, total = event.free / 1e6, event.total / 1e6
    if event.full and not m.is_disk_full:
        why = (
            f"the disk of the core is full: {free:.0f} of {total:.0f} MB are left, which is its reserve; readings are "
            "refused and commands denied until there is room"
        )
        out.report([Finding("disk", "core", Severity.HIGH, why)], [index])
    elif m.is_disk_full and not event.full:
        why = f"the disk of the core has room again, {free:.0f} of {total:.0f} MB; readings and commands are taken"
        out.report([Finding("disk", "core", Severity.INFO, why)], [index])
    m.is_disk_full = bool(event.full)
    m.dirty.add("disk")
    out.reply(200)


def _on_history(m: Memory, out: Out, event: HistoryChanged) -> None:
    index = out.append(entry.history(m.site.plant.id, m.now_ns, event))
    m.counts[f"history:{event.what}"] += event.count or 1
    out.reply(200, entry=index)


HANDLERS: Mapping[type, Callable[[Memory, Out, Any], None]] = {
    Started: _on_started,
    BatchReceived: _on_batch,
    CommandProposed: on_command,
    AdviceGiven: on_advice,
    StatementReceived: lambda m, out, event: (on_config if is_config(event.raw) else on_statement)(
        m, out, event
    ),
    OutcomeReported: on_outcome,
    QueryAsked: _on_query,
    ModelSubmitted: _on_model,
    KeyStated: on_key,
    StrangersRefused: _on_strangers,
    Tick: on_tick,
    EpochOpened: on_epoch,
    DiskChanged: _on_disk,
    WitnessReported: on_witness,
    HistoryChanged: _on_history,
    DisavowalTraced: disavowed.on_traced,
    Rewound: on_rewound,
    SimulationDone: watching.on_simulated,
}
