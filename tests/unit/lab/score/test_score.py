"""Measures of alarms: published examples, hand-worked ones, and what they must be at the ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.spans import spans, starts
from twinvouch.lab.score import batadal, etapr, events, rows

HOUR = events.HOUR_NS


def marks(text: str) -> np.ndarray:
    return np.array([c == "1" for c in text])


LABELS = st.lists(st.booleans(), min_size=2, max_size=60).map(np.array)


def test_etapr_of_a_published_example() -> None:
    """The example in the README of faster-etapr, which is tested against the authors' program."""
    found = etapr.score(marks("01011001110111000"), marks("01100111001111101"))
    assert found.recall == pytest.approx(0.3875)
    assert found.precision == pytest.approx(0.46476766302377037)
    assert found.f1 == pytest.approx(0.4226312395393011)


def test_etapr_by_hand() -> None:
    # one alarm of four rows covers half of the attack's four and is half attack
    found = etapr.score(marks("0011110000"), marks("0000111100"))
    assert found.recall == pytest.approx((1 + 0.5) / 2)
    assert found.precision == pytest.approx((1 + 0.5) / 2)
    # an alarm that is mostly false is taken out, and the attack with it
    assert etapr.score(marks("1111110000"), marks("0000011100")) == etapr.ETaPR(0.0, 0.0, 0.0)


@given(LABELS)
def test_perfect_alarms_are_perfect(attacked: np.ndarray) -> None:
    if attacked.any() and not attacked.all():
        assert etapr.score(attacked, attacked).f1 == pytest.approx(1.0)
        assert batadal.score(attacked, attacked).s == pytest.approx(1.0)
        assert rows.score(attacked, attacked) == rows.Rows(1.0, 1.0, 1.0, 0.0)


@given(LABELS)
def test_always_and_never_have_known_batadal_scores(attacked: np.ndarray) -> None:
    if attacked.any() and not attacked.all():
        assert batadal.score(np.ones_like(attacked), attacked).s == pytest.approx(0.75)
        assert batadal.score(np.zeros_like(attacked), attacked).s == pytest.approx(0.25)


@given(LABELS, st.randoms())
def test_all_measures_are_parts(attacked: np.ndarray, chance: object) -> None:
    alarm = np.array([chance.random() < 0.5 for _ in attacked])  # type: ignore[attr-defined]
    found = etapr.score(alarm, attacked)
    told = (found.precision, found.recall, found.f1, batadal.score(alarm, attacked).s)
    assert all(0 <= value <= 1 for value in told)


def test_batadal_by_hand() -> None:
    found = batadal.score(marks("0001100100"), marks("0011110000"))
    assert found.ttd == pytest.approx(1 - 1 / 4)
    assert found.clf == pytest.approx((2 / 4 + 5 / 6) / 2)
    assert found.s == pytest.approx((found.ttd + found.clf) / 2)


def test_rows_by_hand() -> None:
    found = rows.score(marks("0001100100"), marks("0011110000"))
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(1 / 2)
    assert found.far == pytest.approx(1 / 6)
    assert rows.score(marks("000"), marks("000")) == rows.Rows(0.0, 0.0, 0.0, 0.0)


def test_events_are_found_with_their_delay_and_false_ones_counted_by_time() -> None:
    count = 720  # a month of hours
    attacked, alarm = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    attacked[100:110] = attacked[300:305] = True
    alarm[103:112] = True
    alarm[99] = True  # an hour before the label: the effect shows early
    alarm[500:503] = alarm[506] = True  # one event: it was not clear for six hours
    alarm[600] = True
    found = events.score(alarm, attacked, np.arange(count) * HOUR)
    assert (found.events, found.found) == (2, 1)
    assert found.delays_h[0] == 3.0
    assert np.isnan(found.delays_h[1])
    assert found.false_alarms == 2
    assert found.false_alarms_per_30d == pytest.approx(2 * 720 / 705)


def test_spans_and_starts() -> None:
    assert spans(marks("0110100")).tolist() == [[1, 3], [4, 5]]
    assert spans(marks("000")).tolist() == []
    t_ns = np.arange(12) * HOUR
    assert starts(marks("100000011001"), t_ns, 6 * HOUR).tolist() == [0, 7]
    assert starts(marks("000"), t_ns[:3], HOUR).tolist() == []
