"""Words of findings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.readings.wording import count, date, plain, seconds


@given(st.text(), st.integers(1, 300))
def test_foreign_text_becomes_short_and_printable(text: str, limit: int) -> None:
    assert len(plain(text, limit)) <= limit
    assert plain(text, limit).isprintable()


def test_plain_text_stays() -> None:
    assert plain("10.0.0.9:502") == "10.0.0.9:502"


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_any_time_has_a_date(t_ns: int) -> None:
    assert date(t_ns).endswith("Z")


def test_the_smallest_int64_is_no_time_and_is_told_all_the_same() -> None:
    assert date(-(2**63)) == "1677-09-21T00:12:43Z"


@pytest.mark.parametrize(
    ("span_ns", "words"),
    [
        (7_100_000_000, "7.1 s"),
        (10**6, "0.001 s"),
        (3_600 * 10**9, "3600 s"),
        (-(2**64), "-18446744074 s"),
    ],
)
def test_spans_have_their_unit(span_ns: int, words: str) -> None:
    assert seconds(span_ns) == words


def test_counts() -> None:
    assert (count(1, "row"), count(2, "row"), count(3, "batch", "batches")) == (
        "1 row",
        "2 rows",
        "3 batches",
    )
