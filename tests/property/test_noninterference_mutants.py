"""The test of NI-2 can fail: the engine is broken on purpose, one thing at a time, and some hundred pairs find it."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest

from twinvouch.app.noninterference.judge import pair
from twinvouch.commands import (
    break_glass,
    clamp,
    derivation,
    lookahead,
    own,
    present,
    safe_action,
    view,
)
from twinvouch.core.command import Reason, Verdict
from twinvouch.core.inventory import Tag
from twinvouch.core.label import FULL, Label
from twinvouch.core.past import Past
from twinvouch.engine import deciding, flow, safe, standing, standing_in, virtual, watching
from twinvouch.engine.memory import Memory
from twinvouch.engine.out import Out
from twinvouch.readings import gate
from twinvouch.readings.validate import redundancy

PAIRS = 300


def caught(*kinds: str, first: int = 0) -> None:
    """One of these violations is found in one of the pairs from `first` on, which is near the one that showed it when this was written."""
    seen: set[str] = set()
    for seed in range(first, first + PAIRS):
        seen |= {d.kind for d in pair(seed).violations}
        if seen & {*kinds}:
            return
    raise AssertionError(f"expected one of {kinds} in {PAIRS} pairs, found {seen}")


def test_a_derivation_without_mandatory_inputs_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "mandatory", lambda _: ())
    caught("created")


def test_a_rate_measured_from_where_anybody_says_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = view.mandatory

    def without_itself(tag: Tag) -> tuple[str, ...]:
        return tuple(name for name in real(tag) if name != tag.id)

    monkeypatch.setattr(view, "mandatory", without_itself)
    caught("created")


def test_a_past_measured_from_where_anybody_says_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Past, "is_from_present", False)
    caught("created", first=40)


def test_a_look_ahead_that_starts_from_what_anybody_says_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def believed(at: Any, ahead: Any, tag: str) -> Any:
        value = at.frame.value(tag)
        return None if value is None or value != value else (255, 255, 255, 255)  # noqa: PLR0124

    monkeypatch.setattr(lookahead, "trusted_axes", believed)
    caught("created")


def test_an_interlock_that_anybody_may_open_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = view.mandatory

    def without_interlock(tag: Tag) -> tuple[str, ...]:
        read = () if tag.limits is None else tag.limits.interlock_tags
        return tuple(name for name in real(tag) if name not in read)

    monkeypatch.setattr(view, "mandatory", without_interlock)
    caught("created")


def test_what_a_service_read_and_is_forgotten_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "lately", lambda *_: {})
    caught("created", "changed", first=40)


def test_a_stream_that_does_not_count_as_read_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_show", lambda *_: None)
    caught("created", "changed", first=140)


def test_advice_that_launders_what_it_rests_on_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "before_shown", lambda *_: {})
    caught("created", "changed", first=40)


def test_the_best_input_in_place_of_the_worst_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def most(parts: Sequence[derivation.Part]) -> derivation.Axes:
        a, b, c, d = (max(p.axes[axis] for p in parts) for axis in range(4))
        return a, b, c, d

    monkeypatch.setattr(derivation, "_least", most)
    caught("created")


def test_a_distrusted_tag_that_counts_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = derivation._current

    def current(at: view.Moment, tags: Sequence[str]) -> list[derivation.Part]:
        return real(replace(at, context=replace(at.context, distrusted={})), tags)

    monkeypatch.setattr(derivation, "_current", current)
    caught("created", "changed")


def test_an_identity_cap_that_is_ignored_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = gate.label

    def label(batch: Any, seen: Any, flagged: Any, identity: int, integrity: int) -> Label:
        del identity
        return real(batch, seen, flagged, FULL, integrity)

    monkeypatch.setattr(gate, "label", label)
    caught("created", "changed")


def test_redundant_tags_that_anybody_acquits_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def everybody(_: Any, placed: Any, __: Any) -> np.ndarray:
        return np.ones((1, len(placed.tags)), np.bool_)

    monkeypatch.setattr(redundancy, "eligible", everybody)
    caught("created", first=35)


def test_a_value_cut_to_what_anybody_says_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clamp by a bound of low trust that nobody counts."""
    real = deciding._permit

    def cut(m: Memory, out: Out, record: Any) -> Any:
        values = [m.frame.value(tag) for tag in m.site.plant.tags]
        bound = min((v / 10 for v in values if v is not None and 0 <= v <= 10), default=1.0)
        command = replace(record.command, value=min(record.command.value, bound))
        return real(m, out, replace(record, command=command))

    monkeypatch.setattr(deciding, "_permit", cut)
    caught("changed")


def test_a_core_that_acts_where_anybody_opens_the_interlock_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(own, "read", lambda *_: ())
    caught("created", first=160)


def test_a_watchdog_that_acts_on_doubt_that_anybody_casts_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "may_act", lambda *_: True)
    caught("created", "changed", "advanced", first=210)


def test_a_watchdog_that_starts_from_what_anybody_says_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def anybody(at: Any, _: Any, tag: str) -> Any:
        value = at.frame.value(tag)
        return None if value is None or not np.isfinite(value) else (FULL, FULL, FULL, FULL)

    monkeypatch.setattr(lookahead, "trusted_axes", anybody)
    monkeypatch.setattr(watching, "unknown", lambda *_: "")
    caught("created", "changed", "advanced")


def test_a_clamp_towards_where_anybody_says_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A position of low trust says whether there is a value between it and the proposal; where no rate asks it, too."""
    real = view.mandatory

    def without_itself(tag: Tag) -> tuple[str, ...]:
        limits = tag.limits
        is_only = limits is not None and limits.clamps and limits.rate == inf
        is_asked = limits is not None and limits.past.is_from_present
        named = real(tag)
        return tuple(n for n in named if n != tag.id) if is_only and not is_asked else named

    monkeypatch.setattr(view, "mandatory", without_itself)
    monkeypatch.setattr(clamp, "_present", lambda v, t: present.possible(v, t.tag.id))
    caught("created", first=325)  # rare: two of the pairs 300 to 500 show it, none before


def test_a_glass_that_is_broken_for_everybody_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two persons asked, and whoever commands is let pass."""

    def waived(seen: Any, target: Any, decision: Any) -> tuple[Reason, ...]:
        is_asked = any(g.covers(target.tag.id) for g in seen.context.glasses)
        is_held = decision.verdict is Verdict.HOLD
        return (Reason("break_glass", Verdict.ALLOW, "for all"),) if is_asked and is_held else ()

    monkeypatch.setattr(break_glass, "waived", waived)
    caught("created", "changed")


def test_a_list_that_any_value_is_on_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(seen: Any, target: Any) -> Any:
        return next(iter(seen.site.safe.get(target.tag.id, ())), None)

    monkeypatch.setattr(safe_action, "listed", listed)
    monkeypatch.setattr(safe, "_use", lambda *_: None)
    caught("created", "changed")


def test_an_estimate_that_follows_what_does_not_count_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = standing_in.estimated

    def follows(m: Memory, v: Any) -> Any:
        found = real(m, v)
        low = [t for t in m.site.plant.tags if not standing_in.counts(m, t, v.demands)]
        values = [m.frame.value(t) for t in low if t != v.tag]
        said = [x for x in values if x is not None and np.isfinite(x)]
        if found is None or not said:
            return found
        return replace(found, value=said[0], low=said[0], high=said[0])

    for module in (standing_in, virtual):
        monkeypatch.setattr(module, "estimated", follows)
    caught("created", first=40)
