"""What a configuration declares of its tags, as gate 1 works with it (`core.declared`)."""

from collections.abc import Mapping
from math import inf

from twinvouch.app.config_declared import BalanceSettings
from twinvouch.app.config_model import Config
from twinvouch.app.config_types import ns
from twinvouch.core.declared import (
    Balance,
    Declarations,
    Expectation,
    GroupRules,
    Jitter,
    Redundancy,
    Step,
    Term,
    by_group,
)
from twinvouch.core.inventory import ScanGroup


def rules(config: Config, groups: Mapping[str, ScanGroup]) -> dict[str, GroupRules]:
    """The declared rules of each scan group that has any."""
    return by_group({name: group.ids for name, group in groups.items()}, declarations(config))


def declarations(config: Config) -> Declarations:
    """All that is declared; pure, and total for every Config that `load` made."""
    tags, states = config.tags, config.actuator_state
    return Declarations(
        # the raw value of a point is a whole number of steps, so the tag's own begin at `offset`
        steps={n: Step(t.step, t.offset) for n, t in tags.items() if t.step is not None},
        varies_ns={n: ns(t.varies_within_s) for n, t in tags.items() if t.varies_within_s},
        jitter={
            n: Jitter(ns(g.jitter.tolerance_s), g.jitter.share)
            for n, g in config.groups.items()
            if g.jitter is not None
        },
        redundancy=tuple(
            Redundancy(n, members(config, n), r.tolerance, ns(r.settle_s))
            for n, r in sorted(config.redundancy.items())
        ),
        balances=tuple(_balance(n, b) for n, b in sorted(config.balance.items())),
        expectations=tuple(
            Expectation(
                name,
                e.status,
                *e.state,
                e.tag,
                -inf if e.min is None else e.min,
                inf if e.max is None else e.max,
                ns(e.settle_s),
            )
            for name, e in sorted(states.items())
        ),
    )


def members(config: Config, redundancy_group: str) -> tuple[str, ...]:
    """The tags of a redundancy group, sorted."""
    named = (n for n, t in config.tags.items() if t.redundancy_group == redundancy_group)
    return tuple(sorted(named))


def _balance(name: str, settings: BalanceSettings) -> Balance:
    terms = tuple(Term(t.tag, t.factor, t.take) for t in settings.terms)
    return Balance(name, terms, settings.tolerance, ns(settings.window_s), settings.unit)
