"""What the core ran with at each start, as far as it is known: its own settings of then, else the rules of now.

A start of the core is an event that names the digests of its configuration and policy. Where the caller has the
configuration of those digests it is used, as a restart would have; else that of now, under the digests of then, since
permits name them. Whether it decides as that of then did is not taken on trust: every entry that comes out is held
against the ledger.
"""

from collections.abc import Iterator, Sequence
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
    """The site that the core had at each start; `unknown` are starts with digests that no given site has."""

    now: Site
    before: Sequence[Site] = ()
    unknown: list[tuple[int, Started]] = field(default_factory=list)

    def of(self, event: Started, now_ns: int) -> Site:
        """The site from this start on."""
        for site in (self.now, *self.before):
            if (event.config, event.policy) == (site.config_digest, site.policy.digest):
                return site
        self.unknown.append((now_ns, event))
        policy: Policy = self.now.policy
        if event.policy != policy.digest:
            policy = Dated(policy, event.policy)
        return replace(self.now, config_digest=event.config, policy=policy)

    def told(self) -> Iterator[tuple[int, bytes, bytes]]:
        """From when on which other configuration and policy were in force; the same one again is told once."""
        last = b"", b""
        for since_ns, event in self.unknown:
            if (event.config, event.policy) != last:
                last = event.config, event.policy
                yield since_ns, *last
