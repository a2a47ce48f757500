"""Hands for what a person says to have been bad: sign it, trace it as the core's tracer does, confirm it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.claims.site import PLANT, START, Toy, make_site, reply, signer
from twinvouch.app.lineage import LineageReader
from twinvouch.app.tracing import trace
from twinvouch.core.disavowal import Disavowal
from twinvouch.core.event import DisavowalTraced, Effect, Reply, StatementReceived, Trace
from twinvouch.core.inventory import Role
from twinvouch.core.kind import Purpose
from twinvouch.core.site import SECOND, DistrustRules, Site
from twinvouch.core.statement import Verb
from twinvouch.wire.cose import seal
from twinvouch.wire.disavowal import write_disavowal


def doubting_site(**rules: Any) -> Site:
    """The toy plant with two engineers and an analyst, and these rules of distrust."""
    site = make_site()
    roles = {"bob": (Role.OPERATOR, Role.ENGINEER), "cid": (Role.ANALYST,)}
    named = {
        name: replace(p, roles=frozenset(roles[name])) if name in roles else p
        for name, p in site.plant.principals.items()
    }
    return replace(
        site, plant=replace(site.plant, principals=named), distrust=DistrustRules(**rules)
    )


@dataclass
class Doubting(Toy):
    """A Toy with persons who doubt its past."""

    site: Site = field(default_factory=doubting_site)

    def disavow(self, person: str = "ann", subject: str = "tank/level", **but: Any) -> Reply:
        """Say it, and (unless `traced` is False) let it be traced at once; the answer to the statement."""
        answer, effects = self.say_disavowed(person, subject, **but)
        if but.get("traced", True):
            self.trace(effects)
        return answer

    def say_disavowed(
        self, person: str = "ann", subject: str = "tank/level", **but: Any
    ) -> tuple[Reply, list[Effect]]:
        made = but.get("made_ns", self.now)
        said = Disavowal(
            but.get("principal", person),
            subject,
            but.get("since_ns", START),
            but.get("until_ns", self.now),
            "it lied",
            but.get("shown", bytes(32)),
            but.get("nonce", self.salt()),
            made,
            but.get("expires_ns", made + 60 * SECOND),
        )
        by = but.get("by", signer(person))
        raw = seal(write_disavowal(said, PLANT), signer=by, plant=PLANT, purpose=Purpose.STATEMENT)
        effects = list(self.core.feed(StatementReceived(self.salt(), "10.0.0.7", raw), self.now))
        return reply(effects), effects

    def traced(self, effect: Trace) -> DisavowalTraced:
        """What the tracer makes of it."""
        reader = LineageReader(lambda: self.core.state)
        of = reader.up_to_date()
        return trace(of, reader, self.site.plant, effect, self.salt())

    def trace(self, effects: Sequence[Effect]) -> list[Effect]:
        """Feed what every Trace among these effects comes to."""
        found: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Trace):
                found += self.core.feed(self.traced(effect), self.now)
        return found

    @property
    def last(self) -> Any:
        """The disavowal that was said last."""
        return list(self.memory.disavowals.values())[-1]

    def confirm(self, person: str = "bob", **but: Any) -> Reply:
        d = self.last
        shown = but.pop("shown", d.traced.digest if d.traced is not None else bytes(32))
        return self.say(person, Verb.CONFIRM, d.id, shown=shown, **but)[0]
