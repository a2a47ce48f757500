"""Gate 1 as a whole: what is admitted, with which label, and what becomes live."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims.site import START, make_site
from tests.unit.readings.sealing import PERIOD, Gate, rules, said, sealed
from twinvouch.core.batch import Quality
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.errors import MalformedError
from twinvouch.core.inventory import Axis, Edge, Plant
from twinvouch.core.site import SECOND, ReadingRules
from twinvouch.readings.gate import EARLIEST_NS, OVERDUE_CALIBRATION, RULES, Accepted, Refused
from twinvouch.readings.verify import NAMES
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.columns import read_columns

LEVEL, FLOW, PUMP, VALVE = 2, 1, 0, 3  # columns of the group, by id


def with_tags(**but: Any) -> Gate:
    """The usual plant with other settings for the level."""
    site = make_site()
    group = site.plant.groups["fast"]
    tags = tuple(replace(t, **but) if t.id == "tank/level" else t for t in group.tags)
    groups = {**site.plant.groups, "fast": replace(group, tags=tags)}
    plant = replace(site.plant, tags={**site.plant.tags, "tank/level": tags[LEVEL]}, groups=groups)
    return Gate(replace(site, plant=plant))


def axis(got: Accepted, which: Axis) -> Any:
    return got.admitted.label.axes[which]


def test_a_clean_batch_gets_the_label_of_its_source() -> None:
    got = Gate().send()
    assert rules(got) == []
    assert (axis(got, Axis.IDENTITY) == 120).all(), "an unauthenticated legacy device"
    for which in (Axis.INTEGRITY, Axis.PLAUSIBILITY, Axis.CALIBRATION):
        assert (axis(got, which) == 255).all()
    assert got.admitted.label.axes.shape == (4, 2, 4)
    assert (got.admitted.label.fresh_until == START + PERIOD + 5 * SECOND).all()
    assert got.admitted.in_live.all()


def test_identity_is_capped_by_the_posture_of_the_device() -> None:
    site = make_site()
    edges = {**site.plant.edges, "edge-1": Edge("edge-1", ("fast",), 250)}
    plant: Plant = replace(site.plant, edges=edges)
    assert (axis(Gate(replace(site, plant=plant)).send(), Axis.IDENTITY) == 250).all()


DAY = 86_400 * SECOND


@pytest.mark.parametrize(
    ("calibrated_ns", "valid_ns", "expected"),
    [
        (None, 0, 255),
        (None, DAY, OVERDUE_CALIBRATION),
        (START - DAY // 2, DAY, 255),
        (START - DAY - SECOND, DAY, OVERDUE_CALIBRATION),
        (START + DAY, DAY, OVERDUE_CALIBRATION),
        (START - DAY, 2**63 - 1, 255),
    ],
)
def test_calibration_counts_while_it_is_in_date(
    calibrated_ns: int | None, valid_ns: int, expected: int
) -> None:
    got = with_tags(calibrated_ns=calibrated_ns, calibration_valid_ns=valid_ns).send()
    assert axis(got, Axis.CALIBRATION)[0].tolist() == [255, 255, expected, 255]


def test_a_flagged_cell_is_capped_and_its_neighbours_are_not() -> None:
    gate = Gate()
    gate.send()
    got = gate.send(values={"tank/level": [5.0, 12.0]})
    assert rules(got) == ["range", "rate"]
    expected = np.full((2, 4), 255)
    expected[1, LEVEL] = 0
    assert axis(got, Axis.PLAUSIBILITY).tolist() == expected.tolist()
    assert (axis(got, Axis.IDENTITY) == 120).all()


def test_of_two_caps_the_lower_counts() -> None:
    gate = Gate()
    gate.send()
    quality = np.zeros((2, 4), np.uint8)
    quality[1, LEVEL] = Quality.UNCERTAIN
    got = gate.send(values={"tank/level": [5.0, 7.0]}, quality=quality)
    assert rules(got) == ["quality", "rate"]
    assert axis(got, Axis.PLAUSIBILITY)[1, LEVEL] == 40


def test_a_missing_cell_has_no_trust_on_any_axis() -> None:
    quality = np.zeros((2, 4), np.uint8)
    quality[0, FLOW] = Quality.MISSING
    got = Gate().send(quality=quality)
    assert rules(got) == []
    assert got.admitted.label.axes[:, 0, FLOW].tolist() == [0, 0, 0, 0]
    assert got.admitted.label.axes[:, 1, FLOW].tolist() == [120, 255, 255, 255]


def test_a_number_that_is_none_is_known_to_be_somebodys() -> None:
    got = Gate().send(values={"tank/flow": [np.nan, 1.0]})
    assert rules(got) == ["finite"]
    assert got.admitted.label.axes[:, 0, FLOW].tolist() == [120, 255, 0, 255]


@pytest.mark.parametrize(
    ("t_ns", "word"),
    [
        ([EARLIEST_NS - 1], "before the year 2000"),
        ([START + 2 * PERIOD + 5 * SECOND + 1], "ahead"),
        ([-(2**63)], "before the year 2000"),
        ([2**63 - 1], "ahead"),
        ([START, START], "does not increase"),
        ([START - PERIOD], "does not increase"),
    ],
)
def test_rows_of_impossible_times_go_to_history(t_ns: list[int], word: str) -> None:
    gate = Gate()
    gate.send(t_ns=[START - PERIOD])
    before = gate.frame.last("tank/level")
    got = gate.send(t_ns=t_ns, values={"tank/level": 5.01})
    (finding,) = [f for f in got.admitted.findings if f.rule == "clock"]
    assert word in finding.sentence
    assert not got.admitted.in_live[-1]
    assert (axis(got, Axis.PLAUSIBILITY)[-1] == 0).all()
    if not got.admitted.in_live.any():
        assert gate.frame.last("tank/level") == before


def test_sound_rows_of_a_batch_with_one_impossible_time_are_live() -> None:
    gate = Gate()
    got = gate.send(t_ns=[START, 2**63 - 1, START + 1], values={"tank/level": [5.0, 5.0, 5.1]})
    assert got.admitted.in_live.tolist() == [True, False, False], "after 2262 nothing increases"
    got = gate.send(t_ns=[START + 2, 0, START + 3])
    assert got.admitted.in_live.tolist() == [True, False, True]


def test_a_late_batch_is_history_and_no_attack() -> None:
    """The pump was started by a permit meanwhile, the tank filled: what comes late is compared with itself."""
    gate = Gate()
    gate.send()
    late = gate.next(values={"tank/level": [5.0, 5.05]})
    gate.context = Context(
        {"pump/run": (ActuatorWrite("pump/run", 1.0, gate.now, gate.now + 1, gate.now + 1),)}
    )
    got = gate.send(values={"tank/level": [5.15, 5.2], "pump/run": 1.0})
    assert rules(got) == ["gap"]
    got = gate.take(late)
    assert isinstance(got, Accepted)
    assert rules(got) == ["reorder"]
    assert (axis(got, Axis.PLAUSIBILITY) == 255).all()
    assert not got.admitted.in_live.any()
    assert gate.frame.value("tank/level") == 5.2
    assert rules(gate.send(values={"tank/level": 5.2, "pump/run": 1.0})) == []


def test_an_unpermitted_change_in_a_batch_that_came_late_is_found() -> None:
    gate = Gate()
    gate.send()
    late = gate.next(values={"pump/run": [0.0, 1.0]})
    gate.send()
    assert rules(gate.take(late)) == ["reorder", "unpermitted_actuation"]


def test_a_change_behind_a_batch_of_missing_cells_is_found() -> None:
    gate = Gate()
    gate.send()
    gone = np.zeros((2, 4), np.uint8)
    gone[:, PUMP] = Quality.MISSING
    assert rules(gate.send(quality=gone)) == []
    got = gate.send(values={"pump/run": 1.0})
    assert rules(got) == ["unpermitted_actuation"]
    assert axis(got, Axis.PLAUSIBILITY)[0, PUMP] == 255, "the value itself did happen"


def test_a_change_waits_for_the_report_and_is_found_when_none_comes() -> None:
    gate = Gate()
    gate.send()
    gate.context = Context(
        {"pump/run": (ActuatorWrite("pump/run", 1.0, gate.now, gate.now + 5 * SECOND),)}
    )
    assert rules(gate.send(values={"pump/run": 1.0})) == []
    assert gate.wait(1.0) == []
    assert said(gate.wait(60.0)) == {
        "stale": "edge-1",
        "unpermitted_actuation": "pump/run",
    }
    assert gate.wait(1.0) == [], "both are told once"


def test_an_edge_that_was_never_heard_of_is_not_silent() -> None:
    assert Gate().wait(3600.0) == []


def test_a_batch_larger_than_allowed_is_refused_unread() -> None:
    gate = Gate(replace(make_site(), readings=ReadingRules(max_cells=7)))
    got = gate.take(gate.next())
    assert isinstance(got, Refused)
    assert (got.edge, got.finding.rule) == ("edge-1", "malformed")


def test_codes_of_quality_that_do_not_exist_are_refused() -> None:
    content = list(decode(Gate().content()))  # type: ignore[arg-type]
    for code in (4, 255):
        quality = np.zeros(8, np.uint8)
        quality[3] = code
        got = Gate().take(sealed(encode([*content[:12], quality])))
        assert isinstance(got, Refused)
        assert got.finding.rule == "malformed"


def test_every_rule_has_a_name_of_its_own_and_fits_the_protocol() -> None:
    names = [rule.NAME for rule in RULES]
    assert len({*names, *NAMES}) == len(names) + len(NAMES)
    for rule in RULES:
        assert rule.__name__.rpartition(".")[2] == rule.NAME, "the file is named after the rule"
        assert 0 <= rule.CAP <= 255


GENUINE = sealed(Gate().content())
RAWS = st.one_of(
    st.binary(max_size=300),
    st.integers(0, len(GENUINE)).map(lambda n: GENUINE[:n]),
    st.tuples(st.integers(0, len(GENUINE) - 1), st.binary(min_size=1, max_size=4)).map(
        lambda m: GENUINE[: m[0]] + m[1] + GENUINE[m[0] + len(m[1]) :]
    ),
    st.binary(max_size=8).map(lambda tail: GENUINE + tail),
)


@given(RAWS)
def test_nothing_from_a_stranger_raises_or_is_admitted(raw: bytes) -> None:
    got = Gate().take(raw)
    assert isinstance(got, Accepted) == (raw == GENUINE)


PARTS = decode(Gate().content())
assert isinstance(PARTS, list)
ITEM = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=40),
    st.none(),
    st.lists(st.integers(0, 9), max_size=3),
    st.lists(st.integers(0, 255), max_size=9).map(lambda v: np.array(v, np.uint8)),
    st.lists(st.floats(), max_size=9).map(lambda v: np.array(v, np.float64)),
)


@settings(max_examples=200)
@given(st.integers(0, 12), ITEM)
def test_nothing_that_the_edge_itself_signs_raises(place: int, item: object) -> None:
    """A stolen edge key can sign anything; the plant, and other edges, go on."""
    parts = [*PARTS[:place], item, *PARTS[place + 1 :]]
    got = Gate().take(sealed(encode(parts)))
    if isinstance(got, Refused):
        assert got.finding.rule in NAMES
    else:
        assert isinstance(got, Accepted)


CELLS = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 5.0, 1e300, -1e308, np.nan, np.inf]))
TIMES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-20, 60).map(lambda n: START + n * PERIOD),
    st.sampled_from([-(2**63), 2**63 - 1, 0]),
)
ROW = st.tuples(TIMES, st.tuples(*[CELLS] * 4), st.tuples(*[st.integers(0, 3)] * 4))
BATCH = st.lists(ROW, min_size=1, max_size=5)


@settings(max_examples=150)
@given(st.lists(BATCH, min_size=1, max_size=4))
def test_any_values_times_and_qualities_are_admitted_with_labels_that_say_so(
    batches: list[list[Any]],
) -> None:
    gate = Gate()
    for rows in batches:
        got = send_cells(gate, rows)
        label, batch = got.admitted.label, got.admitted.batch
        plausible = label.axes[Axis.PLAUSIBILITY]
        missing = batch.quality == Quality.MISSING
        assert (label.axes[:, missing] == 0).all()
        assert (plausible[~np.isfinite(batch.values)] == 0).all()
        assert (plausible[(batch.quality == 1) | (batch.quality == 2)] <= 60).all()
        low, high = np.array([0.0, -1.0, 0.0, 0.0]), np.array([1.0, 20.0, 10.0, 1.0])
        with np.errstate(invalid="ignore"):
            outside = (batch.values < low) | (batch.values > high)
        assert (plausible[outside] == 0).all()
        ahead = batch.t_ns > gate.now + 5 * SECOND
        assert not got.admitted.in_live[ahead | (batch.t_ns < EARLIEST_NS)].any()
        assert (plausible[~got.admitted.in_live] == 0).all(), "this edge sends in order"
        assert {f.subject for f in got.admitted.findings} <= {*gate.site.plant.tags, "edge-1"}
        last = gate.frame.last("tank/level")
        assert last is None or EARLIEST_NS <= last.t_ns <= gate.now + 5 * SECOND


def send_cells(gate: Gate, rows: list[Any]) -> Accepted:
    t_ns = [t for t, _, _ in rows]
    ids = gate.site.plant.groups["fast"].ids
    columns = {tag: [cells[i] for _, cells, _ in rows] for i, tag in enumerate(ids)}
    return gate.send(t_ns=t_ns, values=columns, quality=np.array([q for _, _, q in rows], np.uint8))


def test_a_count_of_rows_that_no_memory_has_is_refused() -> None:
    huge = b"\x9b" + (2**63).to_bytes(8, "big")
    with pytest.raises(MalformedError):
        read_columns(b"\xf6" + huge, 0, ("f8",), 10)
    content = Gate().content()
    at = len(encode(PARTS[:10]))
    got = Gate().take(sealed(content[:at] + b"\xd8\x4f\x5b" + (2**62).to_bytes(8, "big")))
    assert isinstance(got, Refused)
    assert got.finding.rule == "malformed"
