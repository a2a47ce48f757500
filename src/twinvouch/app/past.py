"""What the core ran with at each start: the rules of now, under the digests of then.

A start of the core is an event that names the digests of its configuration and policy. Permits name them too, so a
rewind issues those of then. Whether the rules of now decide as those of then did is not taken on trust: every entry
that comes out is held against the ledger.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from twinvouch.core.event import Started
from twinvouch.core.ports import Policy, PolicyAnswer, PolicyRequest
from twinvouch.core.site import Site


@dataclass(frozen=True, slots=True)
class Dated:
    """A policy that is known by the digest of another one."""

    policy: Policy
    digest: bytes

    def decide(self, request: PolicyRequest) -> PolicyAnswer:
        """As the policy does."""
        return self.policy.decide(request)


@dataclass(slots=True)
class Past:
    """The site that the core had at each start, as far as it is known; `others` are starts with other digests."""

    now: Site
    others: list[tuple[int, Started]] = field(default_factory=list)

    def of(self, event: Started, now_ns: int) -> Site:
        """The site from this start on."""
        site = self.now
        if (event.config, event.policy) == (site.config_digest, site.policy.digest):
            return site
        self.others.append((now_ns, event))
        policy: Policy = site.policy
        if event.policy != policy.digest:
            policy = Dated(policy, event.policy)
        return replace(site, config_digest=event.config, policy=policy)

    def told(self) -> Iterator[tuple[int, bytes, bytes]]:
        """From when on which other configuration and policy were in force; the same one again is told once."""
        last = b"", b""
        for since_ns, event in self.others:
            if (event.config, event.policy) != last:
                last = event.config, event.policy
                yield since_ns, *last
