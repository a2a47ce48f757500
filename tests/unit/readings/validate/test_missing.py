"""missing: polled tags without readings although batches of their scan group come."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.readings.world import Line, group_of, rules, site_of
from twinvouch.core.batch import Quality
from twinvouch.core.finding import Severity
from twinvouch.core.inventory import Point, Table, Tag
from twinvouch.readings.gate import Accepted
from twinvouch.readings.link import Absent, read_link, write_link

TAGS = [
    Tag("a/one", group="fast", unit="", point=Point("plc-1", 1, Table.INPUT, 0)),
    Tag("a/two", group="fast", unit="", point=Point("plc-2", 1, Table.INPUT, 0)),
    Tag("a/three", group="fast", unit="", point=Point("plc-2", 1, Table.INPUT, 1)),
    Tag("a/unpolled", group="fast", unit=""),
]
ORDER = [t.id for t in TAGS]


def line() -> Line:
    return Line(site_of(TAGS))


def without(*tags: str) -> np.ndarray:
    return np.array([[Quality.MISSING if t in tags else Quality.GOOD for t in ORDER]], np.uint8)


def told(got: Accepted) -> list[str]:
    return [f.sentence for f in got.admitted.findings if f.rule == "missing"]


def test_every_tag_read_is_clean() -> None:
    plant = line()
    for _ in range(20):
        assert rules(plant.read(1)) == []
    assert plant.links["edge-1"].absent == {}


def test_a_device_that_falls_silent_is_one_finding_for_all_its_tags_once() -> None:
    plant = line()
    plant.read()
    gone = without("a/two", "a/three")
    assert [rules(plant.read(1, quality=gone)) for _ in range(5)] == [[]] * 5
    got = plant.read(1, quality=gone)
    (finding,) = got.admitted.findings
    assert (finding.rule, finding.subject, finding.severity) == (
        "missing", "edge-1", Severity.MEDIUM,
    )  # fmt: skip
    assert finding.technique == "T0804"
    assert "no reading of `a/three` and 1 other on device `plc-2` for 6 s, limit is 5 s" in (
        finding.sentence
    )
    assert dict(finding.evidence) == {"age_s": 6.0, "limit_s": 5.0, "tags": 2}
    assert [rules(plant.read(1, quality=gone)) for _ in range(30)] == [[]] * 30


def test_its_return_is_told_and_begins_a_new_episode() -> None:
    plant = line()
    plant.read()
    for _ in range(10):
        plant.read(1, quality=without("a/one"))
    (back,) = plant.read(1).admitted.findings
    assert (back.rule, back.severity, back.subject) == ("missing", Severity.INFO, "a/one")
    assert "`a/one` on device `plc-1` has readings again after 11 s" in back.sentence
    assert rules(plant.read(1)) == []
    again = [rules(plant.read(1, quality=without("a/one"))) for _ in range(7)]
    assert sum(map(len, again)) == 1


def test_a_device_that_never_answered_counts_from_the_first_batch() -> None:
    plant = line()
    never = without("a/one")
    assert [rules(plant.read(1, quality=never)) for _ in range(6)] == [[]] * 6
    assert "for 6 s" in told(plant.read(1, quality=never))[0]


def test_a_short_gap_is_legitimate_and_not_told_when_it_ends() -> None:
    plant = line()
    plant.read()
    for _ in range(20):
        assert rules(plant.read(2, quality=without("a/one"))) == []
        assert rules(plant.read(2)) == []


def test_what_reports_by_exception_may_be_quiet() -> None:
    plant = line()
    plant.read()
    assert all(not rules(plant.read(1, quality=without("a/unpolled"))) for _ in range(60))


def test_a_late_batch_says_nothing_about_now() -> None:
    plant = line()
    plant.read()
    late = plant.next(quality=without("a/one"))
    plant.read(1)
    got = plant.send(late, 20)
    assert isinstance(got, Accepted)
    assert told(got) == []


def test_another_groups_tags_are_left_as_they_are() -> None:
    plant = line()
    plant.read(quality=without("a/one"))
    link = plant.links["edge-1"]
    plant.links["edge-1"] = replace(
        link, absent={**link.absent, "other": {"b/x": Absent(7, told=True)}}
    )
    plant.read(1)
    assert plant.links["edge-1"].absent == {"other": {"b/x": Absent(7, told=True)}}


def test_a_tag_that_left_the_group_is_forgotten_without_a_word() -> None:
    plant = line()
    plant.read()
    for _ in range(8):
        plant.read(1, quality=without("a/one"))
    plant.site.plant.groups["fast"] = group_of("fast", "edge-1", TAGS[1:])  # type: ignore[index]
    plant.frame = type(plant.frame)(plant.site.plant)
    got = plant.read(1)
    assert told(got) == []
    assert plant.links["edge-1"].absent == {}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a/one", "a/two"]), unique=True), max_size=30))
def test_told_exactly_where_a_simple_count_says_so(gone: list[list[str]]) -> None:
    """Batches 1 s apart: a tag is told in its sixth missing second, and its return if it was told."""
    plant = line()
    plant.read()
    run = dict.fromkeys(["a/one", "a/two"], 0)
    for missing in gone:
        expected = 0
        for tag, n in run.items():
            run[tag] = n + 1 if tag in missing else 0
            expected += run[tag] == 6 or (n >= 6 and not run[tag])
        got = plant.read(1, quality=without(*missing))
        assert len(told(got)) == expected
        link = plant.links["edge-1"]
        assert read_link(write_link(link)) == link
