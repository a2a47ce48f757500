"""All runs as one report: what was executed that was unsafe, what was blocked that was legitimate, why plants left their limits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from twinvouch.lab.range.bounds import clopper_pearson
from twinvouch.lab.range.judge import Cause, cause
from twinvouch.lab.range.plants import STEPS_PER_H
from twinvouch.lab.range.result import Result
from twinvouch.lab.range.scenario import Kind

COUNTS_AT: Final = 0.8  # of runs without a guard that violate, from which on an attack counts
SPAN: Final = 72  # steps before a violation in which what happened may be its cause: 6 h
Report = dict[str, Any]
Key = tuple[str, int]


def report(results: Sequence[Result]) -> Report:
    """Of full runs with those without a guard beside them; ablations are in a part of their own."""
    off = {(r.scenario, r.seed): r for r in results if r.guard == "off"}
    full = [r for r in results if r.guard == "full"]
    parts = sorted({r.guard for r in results} - {"off", "full"})
    counted = _counted(off.values())
    return {
        **_unsafe(full, counted),
        **_violations(full, off, counted),
        **_blocked(full),
        **_safe(full),
        "drift_deviation_at_detection": _drifts(full),
        "scenarios": [_scenario(name, full, off, counted) for name in dict.fromkeys(r.scenario for r in full)],
        "to_trace": [_traced(r, off) for r in full if r.unsafe or r.violated >= 0],
        "ablation": {part: _ablated(part, results, off, counted) for part in parts},
        **_cost(full),
    }  # fmt: skip


def _counted(off: Iterable[Result]) -> frozenset[str]:
    """Scenarios that count: legitimate ones, misuse, drifts, and attacks that violate in most runs without a guard."""
    runs: dict[str, list[bool]] = {}
    kinds = {}
    for r in off:
        runs.setdefault(r.scenario, []).append(r.violated >= 0)
        kinds[r.scenario] = r.kind
    tried = {Kind.ATTACK.value, Kind.MISUSE.value}
    return frozenset(
        name
        for name, violated in runs.items()
        if kinds[name] not in tried or sum(violated) >= COUNTS_AT * len(violated)
    )


def cause_of(r: Result, off: Mapping[Key, Result]) -> Cause | None:
    """Why a run left its limits; None where it did not."""
    if r.violated < 0:
        return None
    other = off.get((r.scenario, r.seed))
    without = None if other is None else other.violated >= 0
    return cause(r.violated, r.unsafe, r.blocked, without=without, span=SPAN)


def _unsafe(full: Sequence[Result], counted: frozenset[str]) -> Report:
    seen = [r for r in full if r.scenario in counted]
    outside = [r for r in seen if not r.gap]
    inside = [r for r in seen if r.gap]
    left = [r for r in inside if r.violated >= 0]
    first = [r for r in left if 0 <= r.stepped_down < r.violated]
    with_unsafe = sum(bool(r.unsafe) for r in outside)
    return {
        "unsafe_executed": sum(len(r.unsafe) for r in outside),
        "unsafe_runs": with_unsafe,
        "unsafe_runs_bounds": clopper_pearson(with_unsafe, len(outside)),
        "unsafe_executed_in_gaps": sum(len(r.unsafe) for r in inside),
        "violations_in_gaps": len(left),
        "stepped_down_first": len(first) / len(left) if left else None,
    }


def _violations(
    full: Sequence[Result], off: Mapping[Key, Result], counted: frozenset[str]
) -> Report:
    seen = [r for r in full if r.scenario in counted and not r.gap]
    causes = [cause_of(r, off) for r in seen]
    left = sum(c is not None for c in causes)
    return {
        **{f"violations_{c.value}": causes.count(c) for c in Cause},
        "runs": len(seen),
        "violations_bounds": clopper_pearson(left, len(seen)),
    }


def _blocked(full: Sequence[Result]) -> Report:
    clean = [r for r in full if r.kind == Kind.CLEAN.value]
    other = [r for r in full if r.kind != Kind.CLEAN.value]
    kinds = {
        "clean": clean,
        "attack": other,
        "attack_outside_gaps": [r for r in other if not r.gap],
    }
    found: Report = {"legit_commands": sum(r.legit for r in full)}
    for name, runs in kinds.items():
        blocked, legit = sum(len(r.blocked) for r in runs), sum(r.legit for r in runs)
        found[f"legit_blocked_{name}"] = blocked / legit if legit else 0.0
        found[f"legit_blocked_{name}_bounds"] = clopper_pearson(blocked, legit)
    sectors = dict.fromkeys(r.sector for r in full)
    found["legit_commands_by_plant"] = {
        s: sum(r.legit for r in full if r.sector == s) for s in sectors
    }
    found["legit_blocked_by_rule"] = _added(r.rules for r in full)
    distrusted = sum(r.distrusted for r in clean)
    found["false_distrust"] = 100 * distrusted / len(clean) if clean else 0.0
    found["false_distrust_bounds"] = tuple(100 * b for b in clopper_pearson(distrusted, len(clean)))
    return found


def _safe(full: Sequence[Result]) -> Report:
    stops, blocked = sum(r.stops for r in full), sum(r.stops_blocked for r in full)
    return {
        "safe_actions": stops,
        "safe_actions_blocked": blocked,
        "safe_actions_blocked_bounds": clopper_pearson(blocked, stops),
        "safe_action_abuse_executed": sum(r.unsafe_safe_actions for r in full),
    }


def _drifts(full: Sequence[Result]) -> Report:
    """By scenario of slow lies: the share of runs that noticed, median and largest deviation then (of all: at the end where nobody did)."""
    found = {}
    for name in dict.fromkeys(r.scenario for r in full if "drift" in r.scenario):
        runs = [r for r in full if r.scenario == name]
        apart = sorted(r.deviation for r in runs)
        found[name] = {
            "detected": sum(r.detected >= 0 for r in runs) / len(runs),
            "median": apart[len(apart) // 2],
            "largest": apart[-1],
        }
    return found


def _scenario(
    name: str, full: Sequence[Result], off: Mapping[Key, Result], counted: frozenset[str]
) -> Report:
    runs = [r for r in full if r.scenario == name]
    without = [r for (scenario, _), r in off.items() if scenario == name]
    causes = [cause_of(r, off) for r in runs]
    return {
        "name": name,
        "plant": runs[0].sector,
        "kind": runs[0].kind,
        "seeds": len(runs),
        "counts": name in counted,
        "gap": runs[0].gap,
        "guard_off_violations": sum(r.violated >= 0 for r in without),
        "unsafe_executed": sum(len(r.unsafe) for r in runs),
        "violations": sum(c is not None for c in causes),
        "causes": {c.value: causes.count(c) for c in Cause if c in causes},
        "hostile_orders": sum(r.hostile for r in runs),
        "legit": sum(r.legit for r in runs),
        "legit_blocked": sum(len(r.blocked) for r in runs),
        "blocked_by": _added(r.rules for r in runs),
        "detected": sum(r.detected >= 0 for r in runs),
        "stepped_down": sum(r.stepped_down >= 0 for r in runs),
        "tricks": _added(r.tricks for r in runs),
    }


def _traced(r: Result, off: Mapping[Key, Result]) -> Report:
    """A run in which something went wrong, so that it can be played again alone."""
    found = cause_of(r, off)
    return {
        "name": r.scenario,
        "seed": r.seed,
        "gap": r.gap,
        "unsafe_at_h": [round(step / STEPS_PER_H, 2) for step in r.unsafe],
        "left_at_h": None if r.violated < 0 else round(r.violated / STEPS_PER_H, 2),
        "cause": None if found is None else found.value,
    }


def _ablated(
    part: str, results: Sequence[Result], off: Mapping[Key, Result], counted: frozenset[str]
) -> Report:
    """Of one part that is off, beside the whole guard in the same runs."""
    runs = [r for r in results if r.guard == part and r.scenario in counted and not r.gap]
    keys = {(r.scenario, r.seed) for r in runs}
    whole = [r for r in results if r.guard == "full" and (r.scenario, r.seed) in keys]
    return {"without": _summed(runs, off), "full": _summed(whole, off), "runs": len(runs)}


def _summed(runs: Sequence[Result], off: Mapping[Key, Result]) -> Report:
    causes = [cause_of(r, off) for r in runs]
    return {
        "unsafe_executed": sum(len(r.unsafe) for r in runs),
        "violations": sum(c is not None for c in causes),
        "legit": sum(r.legit for r in runs),
        "legit_blocked": sum(len(r.blocked) for r in runs),
    }


def _cost(full: Sequence[Result]) -> Report:
    """CPU ms in the runs: of the whole engine for a command, and of look-ahead of the water network, where a question is six hours in steps of five minutes."""
    engine = sorted(ms for r in full for ms in r.engine_ms)
    ahead = sorted(ms for r in full if r.sector == "net3" for ms in r.lookahead_ms)
    return {
        "engine_p99_ms": _p99(engine),
        "engine_p50_ms": engine[len(engine) // 2] if engine else None,
        "range_lookahead_p99_ms": _p99(ahead),
        "range_lookahead_p50_ms": ahead[len(ahead) // 2] if ahead else None,
        "range_lookahead_decisions": len(ahead),
    }


def _p99(values: Sequence[float]) -> float | None:
    return values[min(len(values) - 1, int(0.99 * len(values)))] if values else None


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in counts:
        for name, number in each.items():
            found[name] = found.get(name, 0) + number
    return dict(sorted(found.items()))
