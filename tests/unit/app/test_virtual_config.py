"""`virtual:` from the file to the engine: what fits, what is refused and where, and who signs it."""

from pathlib import Path

import pytest

from tests.unit.app.plants import GOOD, changed, loaded, problems
from tests.unit.app.test_lookahead_config import AHEAD
from twinvouch.app import build, safety
from twinvouch.core.virtual import HOUR_NS, Curve, Flow, Instead

KEY_3 = "/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU="  # RFC 8032, 7.1, test 3
METERS = """\
  well/flow: {unit: m3/h, range: [0, 100], group: meters, vendor: b, time_source: gps}
  town/flow: {unit: m3/h, range: [0, 100], group: meters, vendor: b, time_source: gps}
edges: {edge-1: {groups: [fast]}, edge-2: {groups: [meters]}}
"""
VIRTUAL = """\
virtual:
  tank-1/level:
    area: 100
    flows:
      - {tag: well/flow, factor: 0.000277778}
      - {tag: town/flow, factor: -0.000277778, usual: 40}
    error: 0.02
    growth: [[1, 0.05], [8, 0.3]]
    without:
      - {lost: [town/flow], growth: [[1, 0.1], [8, 0.9]]}
    limits: [1.0, 9.0]
    max_blind_h: 8
"""
WITH = (
    GOOD.replace("edges: {edge-1: {groups: [fast]}}\n", METERS)
    .replace("groups: {fast:", "groups: {meters: {edge: edge-2, period_s: 1, max_age_s: 5}, fast:")
    .replace(
        "pump-1: {zone: field}}",
        "pump-1: {zone: field}, well: {zone: control}, town: {zone: control}}",
    )
    .replace("{unit: m, range: [0, 10],", "{unit: m, vendor: a, time_source: ntp, range: [0, 10],")
    .replace(
        "  - {id: anna,",
        f'  - {{id: edge-2, kind: edge, key: "{KEY_3}"}}\n  - {{id: anna,',
    )
    + VIRTUAL
)


def test_what_is_configured_is_what_the_engine_has(tmp_path: Path) -> None:
    (v,) = build.site(loaded(tmp_path, WITH)).virtual.values()
    assert (v.levels, v.volumes) == ((0.0, 10.0), (0.0, 1000.0))
    assert v.flows == (Flow("well/flow", 0.000277778), Flow("town/flow", -0.000277778, 40.0))
    assert v.curves[frozenset()] == Curve((1.0, 8.0), (0.05, 0.3))
    assert set(v.curves) == {frozenset(), frozenset({"town/flow"})}
    assert (v.low, v.high, v.max_blind_ns) == (1.0, 9.0, 8 * HOUR_NS)
    assert (v.demands, v.assets) == ((100, 200, 200, 100), ("pump-1",))


def test_limits_are_those_of_look_ahead_where_none_are_given_and_a_volume_may_bend(
    tmp_path: Path,
) -> None:
    text = changed("    limits: [1.0, 9.0]\n    max_blind", "    max_blind", WITH)
    (v,) = build.site(loaded(tmp_path, text)).virtual.values()
    assert (v.low, v.high) == (0.0, 10.0)
    ahead = AHEAD.replace("[1.0, 9.0]", "[2.0, 8.0]")
    (v,) = build.site(loaded(tmp_path, text + ahead)).virtual.values()
    assert (v.low, v.high) == (2.0, 8.0)
    bent = changed("area: 100", "volume: [[0, 0], [2, 20], [10, 900]]", WITH)
    (v,) = build.site(loaded(tmp_path, bent)).virtual.values()
    assert v.levels == (0.0, 2.0, 10.0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  tank-1/level:\n    area", "  tank-9/level:\n    area", "is not in `tags:`"),
        ("  tank-1/level:\n    area", "  pump-1/speed:\n    area", "is an actuator"),
        ("    area: 100\n", "", "expected either `area` or `volume`"),
        ("tag: well/flow, factor", "tag: well/flaw, factor", "did you mean"),
        ("tag: well/flow, factor", "tag: tank-1/level, factor", "is estimated itself"),
        ("tag: well/flow, factor", "tag: town/flow, factor", "named twice"),
        ("{tag: well/flow, factor: 0.000277778}", "{tag: well/flow, factor: 1.0}", "by the units"),
        (", usual: 40", "", "has no `usual`"),
        ("lost: [town/flow]", "lost: [pump-1/speed]", "none of its `flows`"),
        ("[[1, 0.1], [8, 0.9]]", "[[1, 0.1], [8, 0.2]]", "narrower than with no meter lost"),
        ("[[1, 0.05], [8, 0.3]]", "[[1, 0.05], [4, 0.3]]", "ends at 4 h"),
        ("[[1, 0.05], [8, 0.3]]", "[[1, 0.05], [8, 0.01]]", "widths that never fall"),
        ("limits: [1.0, 9.0]", "limits: [1.0, 19.0]", "beyond the range"),
        ("area: 100", "volume: [[2, 0], [10, 900]]", "expected levels from 1"),
        ("area: 100", "volume: [[0, 0], [10, 0]]", "both numbers rise"),
        ("vendor: a,", "vendor: b,", "shares a failure domain with `tank-1/level`: vendor"),
        ("vendor: a,", "", "shares a failure domain with `tank-1/level`: vendor"),
    ],
)
def test_what_contradicts_is_told_at_its_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    told = problems(tmp_path, changed(old, new, WITH))
    assert told
    assert any(words in text for text in told), told


INSTEAD = changed(
    "usual: 40}",
    "usual: 40, instead: {base: 20, gains: {pump-1/speed: 0.5}}}",
    changed("growth: [[1, 0.1], [8, 0.9]]}", "growth: [[1, 0.1], [8, 0.9]], instead: [[1, 0.07], [8, 0.5]]}", WITH),
)  # fmt: skip


def test_what_drives_a_flow_is_what_the_engine_has_and_is_signed(tmp_path: Path) -> None:
    accepted = changed("max_blind_h: 8", "max_blind_h: 8\n    may_share: [edge, zone, vendor, key, time_source]", INSTEAD)  # fmt: skip
    config = loaded(tmp_path, accepted)
    (v,) = build.site(config).virtual.values()
    assert v.flows[1].instead == Instead(20.0, (("pump-1/speed", 0.5),))
    assert v.instead == {frozenset({"town/flow"}): Curve((1.0, 8.0), (0.07, 0.5))}
    assert v.inputs == ("well/flow", "town/flow", "pump-1/speed")
    signed = safety.digest(safety.content(config, bytes(32)))
    other = loaded(tmp_path, changed("base: 20", "base: 21", accepted))
    assert safety.digest(safety.content(other, bytes(32))) != signed


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("pump-1/speed: 0.5", "pump-1/sped: 0.5", "did you mean"),
        ("pump-1/speed: 0.5", "well/flow: 0.5", "expected what drives a flow"),
        ("base: 20", "base: 20", "shares a failure domain with `tank-1/level`"),
        (", instead: {base: 20, gains: {pump-1/speed: 0.5}}", "", "has no `instead` of its own"),
        ("[[1, 0.07], [8, 0.5]]", "[[1, 0.04], [8, 0.5]]", "narrower than with no meter lost"),
        ("[[1, 0.07], [8, 0.5]]", "[[1, 0.07], [4, 0.5]]", "ends at 4 h"),
    ],
)
def test_what_drives_a_flow_must_be_read_and_fail_apart(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    told = problems(tmp_path, changed(old, new, INSTEAD))
    assert any(words in text for text in told), told


def test_a_shared_domain_can_be_accepted_and_that_is_signed(tmp_path: Path) -> None:
    shared = changed("vendor: a,", "vendor: b,", WITH)
    accepted = changed("    max_blind_h: 8", "    max_blind_h: 8\n    may_share: [vendor]", shared)
    assert problems(tmp_path, accepted) == []

    def signed(text: str) -> bytes:
        return safety.digest(safety.content(loaded(tmp_path, text), bytes(32)))

    assert signed(accepted) != signed(WITH)
    assert signed(changed("area: 100", "area: 101", WITH)) != signed(WITH)
    assert signed(changed("[8, 0.3]", "[8, 0.2]", WITH)) != signed(WITH)


def test_a_replay_has_no_virtual_sensors(tmp_path: Path) -> None:
    from twinvouch.core.batch import Origin

    assert build.site(loaded(tmp_path, WITH), Origin.REPLAY).virtual == {}
