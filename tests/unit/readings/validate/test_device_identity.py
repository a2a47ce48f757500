"""device_identity: another device answers where a known one did."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.readings.world import Line, batch_of, rules, site_of, tag_of, view_of
from twinvouch.core.batch import Quality
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import Axis, Encoding, Point, Table, Tag
from twinvouch.readings.gate import Accepted
from twinvouch.readings.validate import device_identity
from twinvouch.wire.identity import fingerprint, shown
from twinvouch.wire.words import from_words, is_exact

PLACE = Point("plc-1", 7, Table.IDENTITY, 0, Encoding.U64)
WHO = Tag("plc/identity", "", group="fast", point=PLACE)
SMITH = {0: b"Smith", 1: b"PLC-9", 2: b"1.0"}


def number(objects: dict[int, bytes]) -> float:
    return from_words(fingerprint(objects), PLACE)


def test_the_same_device_is_clean_and_the_first_answer_sets_it() -> None:
    line = Line(site_of([WHO]))
    for _ in range(3):
        assert rules(line.read(values={WHO.id: number(SMITH)})) == []


def test_another_device_is_found_once_and_its_reading_trusted_less() -> None:
    line = Line(site_of([WHO]))
    line.read(values={WHO.id: number(SMITH)})
    got = line.read(values={WHO.id: number(SMITH | {1: b"PLC-9 "})})
    (finding,) = got.admitted.findings
    assert (finding.rule, finding.subject, finding.severity) == (
        "device_identity", WHO.id, Severity.HIGH,
    )  # fmt: skip
    assert finding.technique == "T0830"
    assert "device `plc-1`, unit 7, says it is another device than before" in finding.sentence
    assert got.admitted.label.axes[Axis.PLAUSIBILITY].max() == device_identity.CAP
    assert rules(line.read(values={WHO.id: number(SMITH | {1: b"PLC-9 "})})) == []
    assert rules(line.read(values={WHO.id: number(SMITH)})) == ["device_identity"], "and back"


def test_a_device_that_was_away_and_is_the_same_is_legitimate() -> None:
    line = Line(site_of([WHO]))
    line.read(values={WHO.id: number(SMITH)})
    away = np.array([[Quality.MISSING]], np.uint8)
    assert rules(line.read(values={WHO.id: np.nan}, quality=away)) == []
    assert rules(line.read(values={WHO.id: number(SMITH)})) == []


def test_a_device_that_came_back_as_another_is_found() -> None:
    line = Line(site_of([WHO]))
    line.read(values={WHO.id: number(SMITH)})
    line.read(values={WHO.id: np.nan}, quality=np.array([[Quality.MISSING]], np.uint8))
    got = line.read(values={WHO.id: number({0: b"Mallory"})})
    assert isinstance(got, Accepted)
    assert "device_identity" in rules(got)


def test_groups_without_such_a_tag_have_no_work() -> None:
    batch = batch_of(np.ones((2, 1)))
    assert device_identity.check(batch, view_of(batch, [tag_of()], {"values": [5.0]})) is None


@given(st.lists(st.integers(1, 3), min_size=1, max_size=9), st.integers(1, 3))
def test_as_many_changes_are_told_as_there_are(said: list[int], before: int) -> None:
    batch = batch_of(np.array(said, float)[:, None])
    got = device_identity.check(batch, view_of(batch, [WHO], {"values": [before]}))
    changes = sum(a != b for a, b in zip([before, *said], said, strict=False))
    assert (got.findings[0].rows if got else 0) == changes
    assert (int(got.mask.sum()) if got else 0) == changes


OBJECTS = st.dictionaries(st.integers(0, 255), st.binary(max_size=20), max_size=5)


@given(OBJECTS, OBJECTS)
def test_a_fingerprint_is_exact_and_differs_with_the_objects(one, two) -> None:
    words = fingerprint(one)
    assert is_exact(words, PLACE)
    assert (fingerprint(two) == words) == (one == two)
    assert shown(one).isprintable()
