"""The effects of one event, and the numbering of its ledger entries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twinvouch.core.errors import MalformedError, SignatureError, TwinvouchError
from twinvouch.core.event import Append, Effect, Keep, Plain, Publish, Reply
from twinvouch.core.finding import Finding, Severity
from twinvouch.core.inventory import Plant, Principal
from twinvouch.core.keyring import KeyRefusedError
from twinvouch.engine.memory import Memory
from twinvouch.ledger import entry
from twinvouch.readings.refusals import count


@dataclass(frozen=True, slots=True)
class Entered:
    """A statement that was entered: the digest of what was signed, its ledger index, the id of the key."""

    digest: bytes
    entry: int
    key: bytes = b""


class Out:
    """Collects the effects of one event and numbers its ledger entries."""

    def __init__(self, memory: Memory, salt: bytes, stored: bytes = b"") -> None:
        self.memory = memory
        self.salt = salt
        self._stored = stored  # SHA-256 of the event's encrypted record; empty: stored as it is
        self.effects: list[Effect] = []

    def append(self, raw: bytes) -> int:
        """The next leaf; gives its index."""
        index = self.memory.size
        self.memory.size += 1
        self.effects.append(Append(index, raw))
        return index

    def blob(self, content: object) -> bytes:
        """Keep salted content and give the digest that an entry names."""
        digest, stored = entry.blob(self.salt, content)
        self.effects.append(Keep(digest, stored))
        return digest

    def commit(self, digest: bytes) -> bytes:
        """The commitment to signed content that came with the event: to what is stored of it, where that is encrypted."""
        return entry.stored_commitment(self._stored) if self._stored else self.salted(digest)

    def salted(self, digest: bytes) -> bytes:
        """The salted commitment to content."""
        return entry.commitment(self.salt, digest)

    def reply(self, code: int, **body: Plain) -> None:
        """Answer whoever fed the event."""
        self.effects.append(Reply(code, body))

    def publish(self, topic: str, **body: Any) -> None:
        """Tell the live stream."""
        self.effects.append(Publish(topic, body))

    def report(self, findings: Sequence[Finding], parents: Sequence[int] = ()) -> int:
        """Enter findings that belong to no admitted batch."""
        named = self.blob(entry.findings_content(findings))
        plant = self.memory.site.plant.id
        index = self.append(
            entry.finding(plant, self.memory.now_ns, named, [f.rule for f in findings], parents)
        )
        self.show(findings, index)
        return index

    def show(self, findings: Sequence[Finding], index: int) -> None:
        """Put findings where people look: the recent list and the stream."""
        for f in findings:
            self.memory.findings.append((index, self.memory.now_ns, f))
            tally(self.memory, f)
            self.publish(
                "finding",
                entry=index,
                rule=f.rule,
                subject=f.subject,
                severity=f.severity.name.lower(),
                sentence=f.sentence,
                rows=f.rows,
            )
        if findings:
            self.memory.dirty.add("findings")


def tally(m: Memory, finding: Finding, times: int = 1) -> None:
    """Count a finding by its rule, and by rule and severity."""
    m.counts[f"finding:{finding.rule}"] += times
    m.counts[f"severity:{finding.rule}:{finding.severity.name.lower()}"] += times


def enter(m: Memory, out: Out, sender: str, finding: Finding) -> int | None:
    """Enter what was refused of a sender: the first of its rule at once, the rest of the minute as a count (None)."""
    m.dirty.add("tallies")
    m.counts[f"refusal:{finding.rule}"] += 1
    if count(m.tallies, sender, finding.rule, m.now_ns):
        return out.report([finding])
    tally(m, finding)
    return None


def refuse(m: Memory, out: Out, peer: str, finding: Finding) -> None:
    """Refuse somebody unknown."""
    m.counts["refused"] += 1
    index = enter(m, out, peer, finding)
    out.reply(401, status="refused", rule=finding.rule, why=finding.sentence, entry=index)


def doubt(error: TwinvouchError, peer: str) -> Finding:
    """What could not be opened, as a finding about its sender."""
    rule = "malformed" if isinstance(error, MalformedError) else "bad_signature"
    if isinstance(error, KeyRefusedError):
        rule = error.rule
    return Finding(rule, peer, Severity.HIGH, str(error)[:500], "T0859")


def vouched(plant: Plant, principal: str) -> Principal:
    """The principal whose token came with something; it may be gone where a restart feeds a logged event again."""
    known = plant.principals.get(principal)
    if known is None:
        raise SignatureError(f"`{principal}` is no principal of plant `{plant.id}`")
    return known
