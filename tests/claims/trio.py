"""The toy plant with three sensors of one level that fail apart: each on an edge of its own, or two on one."""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from tests.claims.site import Toy, _group, make_site, signer
from twinvouch.adapters.keys import SeededSigner
from twinvouch.core.declared import Declarations, Redundancy, by_group
from twinvouch.core.event import Reply
from twinvouch.core.inventory import Domains, Edge, Principal, PrincipalKind
from twinvouch.core.site import DistrustRules, Site

LEVEL, ROOF, FLOW = TAGS = ("tank/level", "roof/temperature", "tank/flow")
EDGES = {LEVEL: ("edge-1", "fast"), ROOF: ("edge-2", "slow"), FLOW: ("edge-3", "third")}
THIRD = SeededSigner(b"\x33" * 32)


def apart(n: int) -> Domains:
    return Domains(*(f"{part}-{n}" for part in "ezvkt"))


def trio_site(rules: DistrustRules, domains: tuple[int, int, int] = (1, 2, 3)) -> Site:
    """`domains`: tags with the same number fail together."""
    site = make_site()
    tags = dict(site.plant.tags)
    for tag, n in zip(TAGS, domains, strict=True):
        group = EDGES[tag][1]
        about = {"low": 0.0, "high": 10.0, "rate": 100.0, "domains": apart(n), "group": group}
        tags[tag] = replace(tags[tag], **about)  # type: ignore[arg-type]
    groups = {
        name: _group(name, edge, [t for t in tags.values() if t.group == name])
        for edge, name in EDGES.values()
    }
    told = Declarations(redundancy=(Redundancy("level", TAGS, 0.5),))
    third = Principal("edge-3", PrincipalKind.EDGE, THIRD.public_key, frozenset())
    plant = replace(
        site.plant,
        tags=tags,
        groups=groups,
        edges={edge: Edge(edge, (name,)) for edge, name in EDGES.values()},
        principals={**site.plant.principals, "edge-3": third},
        declared=by_group({name: group.ids for name, group in groups.items()}, told),
    )
    return replace(site, plant=plant, distrust=rules)


@dataclass
class Trio(Toy):
    """Hands for its three edges."""

    def says(self, tag: str, value: float, **but: Any) -> Reply:
        """The next batch of the edge of a tag, with one row of this value."""
        edge, group = EDGES[tag]
        content = self.content(edge, group, values={tag: value}, rows=1, **but)
        self.seq[edge] = self.seq.get(edge, -1) + 1
        self.prev[edge] = sha256(content).digest()
        return self.send(self.sealed(content, THIRD if edge == "edge-3" else signer(edge)))

    def all_say(self, value: float) -> None:
        for tag in TAGS:
            assert self.says(tag, value).body["status"] == "admitted"
