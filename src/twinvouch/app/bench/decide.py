"""How long a decision takes, without look-ahead and disk: every rule on, and as much past as there can be.

Two pumps in one joint group, a valve that comes first, an interlock; 500 permits an hour in the memory of each.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final

import numpy as np

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.cel import CelCondition
from twinvouch.commands import gate, history
from twinvouch.commands.view import View
from twinvouch.core.command import Command, Verdict
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.inventory import (
    ClassRule,
    CommandClass,
    CommandedBy,
    Encoding,
    Limits,
    Plant,
    Point,
    Principal,
    PrincipalKind,
    Role,
    ScanGroup,
    Table,
    Tag,
)
from twinvouch.core.label import FULL, Label
from twinvouch.core.past import HOUR_NS, Joint, Past, Steady
from twinvouch.core.site import SECOND, Site

DECISIONS, WARM_UP, PERMITS = 4000, 400, 500
NOW: Final = 1_800_000_000 * SECOND
PUMPS: Final = ("pump-1/speed", "pump-2/speed")
VALVE, LEVEL = "valve-1/open", "tank-1/level"


def run() -> dict[str, float | int]:
    """Microseconds of processor time a decision, and of the rules over the past alone."""
    site, frame, context = _site(), _Board(), _context()
    whole, past, allowed = [], [], 0
    for n in range(WARM_UP + DECISIONS):
        asked = Command(f"{n:032x}", "twin", PUMPS[0], 0.5 + (n % 5) / 100, "1", NOW)
        began = time.thread_time_ns()
        decision = gate.judge(asked, site, frame, context, {}, frozenset(), NOW)
        ended = time.thread_time_ns()
        view = View(asked, site, frame, context, {}, frozenset(), NOW, NOW)
        target = view.target
        assert target is not None
        history.check(view, target)
        whole.append((ended - began) / 1e3)
        past.append((time.thread_time_ns() - ended) / 1e3)
        allowed += decision.verdict is Verdict.ALLOW
    figures: dict[str, float | int] = {}
    for name, took in (("compute", whole[WARM_UP:]), ("history", past[WARM_UP:])):
        figures[f"decide_{name}_p50_us"] = round(statistics.median(took), 1)
        figures[f"decide_{name}_p99_us"] = round(sorted(took)[int(len(took) * 0.99)], 1)
    return {**figures, "decide_decisions": DECISIONS, "decide_allowed": allowed - WARM_UP}


def _past(other: str) -> Past:
    first = Steady("valve-first", VALVE, 0.1, inf, 30 * SECOND)
    joint = Joint("pumps", (other,), high_sum=1.8, difference=0.9, apart_ns=60 * SECOND)
    return Past(
        *(1000.0, 100_000, 100_000, 60 * SECOND, 60 * SECOND, 1.0, HOUR_NS), (first,), (joint,)
    )


def _plant() -> Plant:
    def actuator(name: str, address: int, past: Past) -> Tag:
        limits = Limits(0.0, 1.0, 1.0, "tank_1_level > 2.0", (LEVEL,), (LEVEL,), past)
        return Tag(
            name, "1", 0.0, 1.0, group="g", limits=limits, command_class=CommandClass.C,
            point=Point("plc", 1, Table.HOLDING, address, Encoding.F32), commanded_by=CommandedBy.TWIN,
        )  # fmt: skip

    tags = (
        actuator(PUMPS[0], 0, _past(PUMPS[1])),
        actuator(PUMPS[1], 2, _past(PUMPS[0])),
        Tag(LEVEL, "m", 0.0, 10.0, group="g"),
        Tag(VALVE, "1", 0.0, 1.0, group="g"),
    )
    group = ScanGroup("g", "edge-1", tags, ("f8",) * len(tags), bytes(32), SECOND, 5 * SECOND)
    twin = Principal("twin", PrincipalKind.SERVICE, bytes(32), frozenset({Role.ENGINEER}))
    rule = ClassRule(100, 150, 100, 0, 0, 30 * SECOND, 300 * SECOND)
    return Plant(
        "bench", {}, {}, (), {t.id: t for t in tags}, {"g": group}, {}, {"twin": twin},
        {CommandClass.C: rule}, "actuator-1",
    )  # fmt: skip


def _site() -> Site:
    plant = _plant()
    condition = CelCondition("tank_1_level > 2.0", [plant.tags[LEVEL]])
    return Site(plant, default_policy(), bytes(32), interlocks=dict.fromkeys(PUMPS, condition))


def _context() -> Context:
    """An hour of permits for both, all reported, and one of the second pump on its way."""
    writes: dict[str, Any] = {}
    for tag in PUMPS:
        issued = [NOW - HOUR_NS + (n + 1) * HOUR_NS // (PERMITS + 20) for n in range(PERMITS)]
        writes[tag] = tuple(
            ActuatorWrite(tag, 0.5, at, at, at, is_over=True, permit=n, before=(0.5,))
            for n, at in enumerate(issued)
        )
    last = writes[PUMPS[1]][-1]
    coming = replace(last, issued_ns=NOW, spent_ns=0, is_over=False, permit=PERMITS)
    writes[PUMPS[1]] = (*writes[PUMPS[1]][1:], coming)
    return Context(writes=writes, steady={s.key: 0 for s in _past("").after})


@dataclass(frozen=True)
class _Board:
    """A frame in which everything was read just now and is trusted."""

    def label(self, tag_ids: Sequence[str], now_ns: int) -> Label:
        """Full trust, for an hour."""
        n = len(tag_ids)
        return Label(np.full((4, n), FULL, np.uint8), np.full(n, now_ns + HOUR_NS))

    def value(self, tag_id: str) -> float | None:
        """The level is 5 m, all else half."""
        return 5.0 if tag_id == LEVEL else 0.5

    def entry(self, tag_id: str) -> int:
        """All of one batch."""
        return 0 if tag_id else -1
