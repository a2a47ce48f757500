"""Who sent this, and may he?"""

import pytest

from tests.unit.readings.world import LEVEL, Line, group_of, rules
from twinvouch.core.batch import Identity, Origin
from twinvouch.core.finding import Severity
from twinvouch.core.kind import Purpose
from twinvouch.core.site import ReadingRules
from twinvouch.readings.gate import Accepted, Refused

from tests.unit.readings.world import site_of  # isort: skip


def refused(line: Line, raw: bytes) -> Refused:
    before = dict(line.links), line.frame.rows("fast")
    got = line.send(raw)
    assert isinstance(got, Refused), got
    assert (line.links, line.frame.rows("fast")) == before
    return got


def test_what_an_edge_signed_of_its_own_group_is_taken() -> None:
    line = Line()
    assert isinstance(line.send(line.next()), Accepted)
    assert isinstance(line.send(line.next("edge-2", "slow")), Accepted)
    assert set(line.links) == {"edge-1", "edge-2"}


@pytest.mark.parametrize("raw", [b"", b"\x82", b"hello", bytes(1000)])
def test_what_is_no_batch_is_malformed_and_nobodys(raw: bytes) -> None:
    got = refused(Line(), raw)
    assert (got.finding.rule, got.finding.subject, got.edge) == ("malformed", "10.0.0.9", "")
    assert got.finding.sentence.startswith("not a batch: byte 0")


def test_an_unknown_key_and_a_bad_signature_are_nobodys() -> None:
    line = Line()
    got = refused(line, line.sealed(line.content(), "mallory"))
    assert (got.finding.rule, got.edge, got.finding.technique) == ("unknown_key", "", "T0856")
    raw = bytearray(line.sealed(line.content()))
    raw[60] ^= 1  # in the signature
    got = refused(line, bytes(raw))
    assert (got.finding.rule, got.edge, got.finding.severity) == (
        "bad_signature",
        "",
        Severity.HIGH,
    )


@pytest.mark.parametrize("but", [{"plant": "other"}, {"purpose": Purpose.COMMAND}])
def test_a_signature_counts_for_one_plant_and_purpose(but: dict[str, str]) -> None:
    line = Line()
    assert refused(line, line.sealed(line.content(), **but)).finding.rule == "bad_signature"


def test_nobody_speaks_in_the_name_of_another_edge() -> None:
    line = Line()
    got = refused(line, line.sealed(line.content(), "edge-2"))
    assert (got.finding.rule, got.edge) == ("not_owner", "edge-2")
    got = refused(line, line.sealed(line.content(), "ann"))
    assert (got.finding.rule, got.edge) == ("not_owner", "ann"), "a person's key signs no readings"


def test_an_edge_speaks_for_its_own_groups_only() -> None:
    line = Line()
    got = refused(line, line.sealed(line.content("edge-2", "fast"), "edge-2"))
    assert (got.finding.rule, got.edge) == ("not_owner", "edge-2")
    assert "`fast`, which is read by `edge-1`" in got.finding.sentence


def test_replayed_simulated_and_shadow_data_are_not_live() -> None:
    line = Line()
    for origin in (Origin.REPLAY, Origin.SIMULATED, Origin.SHADOW):
        got = refused(line, line.sealed(line.content(header={"origin": origin})))
        assert (got.finding.rule, got.edge) == ("wrong_origin", "edge-1")
    got = refused(line, line.sealed(line.content(header={"plant": "other"})))
    assert got.finding.rule == "wrong_origin"


def test_unknown_groups_and_other_columns_are_refused() -> None:
    line = Line()
    other = group_of("fast", "edge-1", line.site.plant.groups["fast"].tags[:2])
    stranger = Line(site=site_of())
    stranger.site.plant.groups["fast"] = other  # type: ignore[index]
    got = refused(line, stranger.sealed(stranger.content()))
    assert (got.finding.rule, got.edge) == ("unknown_group", "edge-1")
    assert "has other columns here" in got.finding.sentence
    del line.site.plant.groups["fast"]  # type: ignore[attr-defined]
    raw = Line().next()
    got = line.send(raw)
    assert rules(got) == ["unknown_group"]
    assert "is unknown here" in got.finding.sentence  # type: ignore[union-attr]


def test_a_batch_with_too_many_cells_is_refused_and_its_number_stays_free() -> None:
    line = Line(site=site_of(rules=ReadingRules(max_cells=5)))
    line.read()
    got = refused(line, line.sealed(line.content(t_ns=[line.now, line.now + 1])))
    assert (got.finding.rule, got.edge, got.finding.subject) == ("malformed", "edge-1", "edge-1")
    assert rules(line.read()) == []


def test_a_signed_thing_that_is_no_batch_is_malformed_and_its_signers() -> None:
    line = Line()
    got = refused(line, line.sealed(b"\x80"))
    assert (got.finding.rule, got.edge) == ("malformed", "edge-1")


def test_foreign_text_in_findings_is_short_and_harmless() -> None:
    from twinvouch.core.context import Context
    from twinvouch.core.event import BatchReceived
    from twinvouch.readings.gate import admit

    line = Line()
    peer = "\x1b[31m" + "x" * 500 + "\u202e\n"
    got = admit(BatchReceived(b"", peer, b"?"), line.site, {}, line.frame, Context(), line.now)
    assert isinstance(got, Refused)
    assert len(got.finding.subject) <= 60
    assert got.finding.subject.isprintable()
    name = "g" * 200
    raw = line.sealed(line.content(header={"identity": Identity(name, 1, 0)}))
    sentence = refused(line, raw).finding.sentence
    assert len(sentence) < 150
    assert sentence.isprintable()
    assert LEVEL not in sentence
