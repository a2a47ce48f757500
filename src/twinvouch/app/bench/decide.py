"""How long a decision takes, without look-ahead and disk: every rule on, and as much past as there can be.

Two pumps in one joint group, a valve that comes first, an interlock; 500 permits an hour in the memory of each.
"""

import statistics
import time
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Final

from twinvouch.adapters.cedar import default_policy
from twinvouch.adapters.cel import CelCondition
from twinvouch.adapters.keys import SeededSigner
from twinvouch.commands import capability, gate, history
from twinvouch.commands.view import View
from twinvouch.core.batch import Quality
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
from twinvouch.core.kind import Purpose
from twinvouch.core.label import FULL
from twinvouch.core.past import HOUR_NS, Joint, Past, Steady
from twinvouch.core.site import SECOND, Site
from twinvouch.engine.past import PastMemory
from twinvouch.twin.frame import Frame
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.signed import open_signed

DECISIONS, WARM_UP, PERMITS = 4000, 400, 500
NOW: Final = 1_800_000_000 * SECOND
PUMPS: Final = ("pump-1/speed", "pump-2/speed")
VALVE, LEVEL = "valve-1/open", "tank-1/level"
SIGNER: Final = SeededSigner(bytes(32))


def run() -> dict[str, float | int]:
    """Processor time of a decision, in us, and of parts of it alone; baseline: verifying the command's signature.

    `stages`: that and the decision together, in ms.
    """
    site = _site()
    frame, context = _frame(site.plant), _context(site)
    took: dict[str, list[float]] = {"compute": [], "history": [], "policy": [], "verify": []}
    allowed = 0
    for n in range(WARM_UP + DECISIONS):
        asked = Command(f"{n:032x}", "twin", PUMPS[0], 0.5 + (n % 5) / 100, "1", NOW)
        raw = _signed(asked)
        began = time.thread_time_ns()
        open_signed(raw, site.plant, Purpose.COMMAND)
        verified = time.thread_time_ns()
        decision = gate.judge(asked, site, frame, context, {}, frozenset(), NOW)
        judged = time.thread_time_ns()
        view = View(asked, site, frame, context, {}, frozenset(), NOW, NOW)
        target = view.target
        assert target is not None
        history.check(view, target)
        checked = time.thread_time_ns()
        capability.check_propose(view, target)
        capability.check_execute(view, target, decision.axes, (0, 0))
        ends = (began, verified, judged, checked, time.thread_time_ns())
        for name, (start, end) in zip(
            ("verify", "compute", "history", "policy"), pairwise(ends), strict=True
        ):
            took[name].append((end - start) / 1e3)
        allowed += decision.verdict is Verdict.ALLOW
    figures: dict[str, float | int] = {}
    for name, each in took.items():
        for q, us in _quantiles(each).items():
            figures[f"decide_{name}_{q}_us"] = round(us, 1)
    stages = [a + b for a, b in zip(took["verify"], took["compute"], strict=True)]
    for q, us in _quantiles(stages).items():
        figures[f"decide_stages_{q}_ms"] = round(us / 1e3, 3)
    ratio = figures["decide_compute_p50_us"] / figures["decide_verify_p50_us"]
    figures["decide_vs_verify"] = round(ratio, 2)
    return {**figures, "decide_decisions": DECISIONS, "decide_allowed": allowed - WARM_UP}


def _quantiles(each: list[float]) -> dict[str, float]:
    kept = sorted(each[WARM_UP:])
    return {"p50": statistics.median(kept), "p99": kept[int(len(kept) * 0.99)]}


def _signed(command: Command) -> bytes:
    content = write_command(command, "bench")
    return seal(content, signer=SIGNER, plant="bench", purpose=Purpose.COMMAND)


def _past(other: str, steady_ns: int = 30 * SECOND) -> Past:
    first = Steady("valve-first", VALVE, 0.1, inf, steady_ns)
    joint = Joint("pumps", (other,), high_sum=1.8, difference=0.9, apart_ns=60 * SECOND)
    return Past(
        *(1000.0, 100_000, 100_000, 60 * SECOND, 60 * SECOND, 1.0, HOUR_NS), (first,), (joint,)
    )


def plant(steady_ns: int = 30 * SECOND) -> Plant:
    """Two pumps, a level and a valve that has to be open for `steady_ns` before a pump is moved."""

    def actuator(name: str, address: int, past: Past) -> Tag:
        limits = Limits(0.0, 1.0, 1.0, "tank_1_level > 2.0", (LEVEL,), (LEVEL,), past)
        return Tag(
            name, "1", 0.0, 1.0, group="g", limits=limits, command_class=CommandClass.C,
            point=Point("plc", 1, Table.HOLDING, address, Encoding.F32), commanded_by=CommandedBy.TWIN,
        )  # fmt: skip

    tags = (
        actuator(PUMPS[0], 0, _past(PUMPS[1], steady_ns)),
        actuator(PUMPS[1], 2, _past(PUMPS[0], steady_ns)),
        Tag(LEVEL, "m", 0.0, 10.0, group="g"),
        Tag(VALVE, "1", 0.0, 1.0, group="g"),
    )
    group = ScanGroup("g", "edge-1", tags, ("f8",) * len(tags), bytes(32), SECOND, 5 * SECOND)
    twin = Principal("twin", PrincipalKind.SERVICE, SIGNER.public_key, frozenset({Role.ENGINEER}))
    rule = ClassRule(100, 150, 100, 0, 0, 30 * SECOND, 300 * SECOND)
    return Plant(
        "bench", {}, {}, (), {t.id: t for t in tags}, {"g": group}, {}, {"twin": twin},
        {CommandClass.C: rule}, "actuator-1",
    )  # fmt: skip


def _site() -> Site:
    told = plant()
    condition = CelCondition("tank_1_level > 2.0", [told.tags[LEVEL]])
    return Site(told, default_policy(), bytes(32), interlocks=dict.fromkeys(PUMPS, condition))


def _context(site: Site) -> Context:
    """An hour of permits for both, all reported, and one of the second pump on its way."""
    past, frame = PastMemory(site), _frame(site.plant)
    for tag in PUMPS:
        for n in range(PERMITS):
            at = NOW - HOUR_NS + (n + 1) * HOUR_NS // (PERMITS + 20)
            write = ActuatorWrite(tag, 0.5, at, at, permit=n)
            past.add(write, frame, at)
            past.add(replace(write, spent_ns=at, is_over=True), frame, at)
    past.add(ActuatorWrite(PUMPS[1], 0.5, NOW, NOW, permit=PERMITS), frame, NOW)
    steady = {s.key: 0 for s in _past("").after}
    return Context(writes=past.writes, columns=past.columns, steady=steady)


def _frame(plant: Plant) -> Frame:
    """Everything was read just now and is trusted for an hour: the level is 5 m, all else half."""
    frame = Frame(plant)
    now = frame.columns("g")
    now.values[:] = [5.0 if tag == LEVEL else 0.5 for tag in now.ids]
    now.quality[:], now.axes[:], now.entry[:] = Quality.GOOD, FULL, 0
    now.t_ns[:] = now.received_ns[:] = NOW
    now.fresh_until[:] = NOW + HOUR_NS
    return frame
