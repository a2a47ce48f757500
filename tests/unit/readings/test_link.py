"""Link: its stored form."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from twinvouch.readings.link import Absent, Change, Link, Recent, Span, read_link, write_link
from twinvouch.readings.skew import Seen, Skew
from twinvouch.wire.cbor import decode, encode

NUMBER = st.integers(0, 2**63 - 1)
SIGNED = st.integers(-(2**63), 2**63 - 1)
NAME = st.text(max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
DIGEST = st.binary(min_size=32, max_size=32)
CHANGE = st.builds(Change, NAME, FINITE, FINITE, NUMBER, NUMBER, NUMBER, NUMBER)
LINK = st.builds(
    Link,
    NAME,
    NUMBER,
    NUMBER,
    DIGEST,
    NUMBER,
    st.integers(-1, 2**63 - 1),
    st.lists(st.builds(Span, NUMBER, NUMBER, NUMBER), max_size=3).map(tuple),
    st.lists(st.builds(Recent, NUMBER, NUMBER, NUMBER, DIGEST), max_size=3).map(tuple),
    st.dictionaries(NAME, NUMBER, max_size=3),
    st.frozensets(NAME, max_size=3),
    st.dictionaries(NAME, FINITE, max_size=3),
    st.lists(CHANGE, max_size=3).map(tuple),
    st.frozensets(st.tuples(NAME, NUMBER), max_size=3),
    SIGNED,
    st.dictionaries(
        NAME,
        st.dictionaries(NAME, st.builds(Absent, NUMBER, st.booleans()), max_size=2),
        max_size=2,
    ),
    st.builds(
        Skew,
        st.dictionaries(NAME, st.builds(Seen, SIGNED, NUMBER), max_size=2),
        NUMBER,
        st.none() | SIGNED,
        st.lists(SIGNED, max_size=6).map(tuple),
        st.none() | SIGNED,
        st.none() | st.tuples(SIGNED, NUMBER),
    ),
)


@given(LINK)
def test_the_stored_form_gives_everything_back(link: Link) -> None:
    again = read_link(write_link(link))
    assert again == link
    assert write_link(again) == write_link(link)
    assert [type(c) for c in again.waiting] == [Change] * len(link.waiting)


def test_a_new_edge_has_nothing_to_remember() -> None:
    link = Link("edge-1", 1, 0, bytes(32), 5)
    assert read_link(write_link(link)) == link


def test_a_link_that_was_stored_before_tags_could_be_absent_and_clocks_skewed_is_read() -> None:
    link = Link("edge-1", 1, 0, bytes(32), 5)
    new: Any = decode(write_link(link))
    assert read_link(encode([1, *new[1:-3]])) == link
    assert read_link(encode([2, *new[1:-1]])) == link
