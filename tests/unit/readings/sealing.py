"""Sealed batches of the claims plant's edges, and gate 1 with its memory, without an engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np

from tests.claims.site import PLANT, START, make_site, signer
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.context import Context
from twinvouch.core.event import BatchReceived
from twinvouch.core.finding import Finding
from twinvouch.core.kind import Kind, Purpose
from twinvouch.core.site import SECOND, Site
from twinvouch.readings.gate import Accepted, Admission, Refused, Repeated, admit, watch
from twinvouch.readings.link import Link
from twinvouch.twin.frame import Frame
from twinvouch.wire.batch import Header, write_batch
from twinvouch.wire.cose import seal

PERIOD = SECOND // 10
SITE = make_site()
REST = {
    "tank/level": 5.0,
    "tank/flow": 1.0,
    "pump/run": 0.0,
    "valve/opening": 0.5,
    "roof/temperature": 290.0,
}


@dataclass
class Gate:
    """Gate 1 and what it remembers; `send` moves time by one period."""

    site: Site = SITE
    now: int = START
    links: dict[str, Link] = field(default_factory=dict)
    context: Context = field(default_factory=Context)
    seq: int = -1
    prev: bytes = bytes(32)
    entries: int = 0

    def __post_init__(self) -> None:
        self.frame = Frame(self.site.plant)

    def content(self, **but: Any) -> bytes:
        """The next batch of edge-1; `but` replaces header fields, `values` by tag, `t_ns`, `quality`."""
        group = self.site.plant.groups[but.pop("on", "fast")]
        rows = but.pop("rows", 2)
        t_ns = np.array(
            but.pop("t_ns", self.now - PERIOD // rows * np.arange(rows)[::-1]), np.int64
        )
        values = np.array([[REST[t] for t in group.ids]] * len(t_ns))
        for tag, column in but.pop("values", {}).items():
            values[:, group.ids.index(tag)] = column
        quality = but.pop("quality", None)
        usual = Header(
            Kind.BATCH,
            PLANT,
            Identity(but.pop("edge", "edge-1"), but.pop("epoch", 0), but.pop("seq", self.seq + 1)),
            self.prev,
            Origin.LIVE,
            group.name,
            group.digest,
        )
        return write_batch(replace(usual, **but), group, t_ns, values, quality)

    def next(self, **but: Any) -> bytes:
        """The next batch, sealed, and remembered by the edge as sent."""
        self.now += PERIOD
        content = self.content(**but)
        self.seq += 1
        self.prev = sha256(content).digest()
        return sealed(content)

    def take(self, raw: bytes, peer: str = "10.0.0.9") -> Admission:
        """What the gate makes of these bytes now, remembered as the engine remembers it."""
        received = BatchReceived(bytes(16), peer, raw)
        got = admit(received, self.site, self.links, self.frame, self.context, self.now)
        if isinstance(got, Accepted):
            self.links["edge-1"] = replace(got.link, entry=self.entries)
            self.frame.update(got.admitted, self.entries, self.now)
            self.entries += 1
        elif isinstance(got, Repeated):
            self.links["edge-1"] = got.link
        return got

    def send(self, **but: Any) -> Accepted:
        """The next batch, which must be admitted."""
        got = self.take(self.next(**but))
        assert isinstance(got, Accepted), got
        return got

    def wait(self, seconds: float) -> list[Finding]:
        """What the passing of time shows."""
        self.now += int(seconds * SECOND)
        findings, links = watch(self.site, self.links, self.context, self.now)
        self.links |= {link.edge: link for link in links}
        return findings


def sealed(content: bytes, by: str = "edge-1", **but: Any) -> bytes:
    usual: dict[str, Any] = {"plant": PLANT, "purpose": Purpose.READINGS}
    return seal(content, signer=but.pop("signer", signer(by)), **(usual | but))


def rules(got: Admission) -> list[str]:
    """Names of the findings, in order."""
    if isinstance(got, Accepted):
        return [f.rule for f in got.admitted.findings]
    assert isinstance(got, Refused | Repeated)
    return [got.finding.rule]


def said(findings: list[Finding]) -> Mapping[str, str]:
    return {f.rule: f.subject for f in findings}
