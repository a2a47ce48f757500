from hypothesis import given
from hypothesis import strategies as st

from twinvouch.readings.link import PENDING, RECENT, Link, read_link, write_link

LIMIT = 50
NUMBERS = st.integers(0, 2**63 - 1)
SEQUENCES = st.lists(st.integers(0, 120), min_size=1, max_size=80)
IDS = st.text("abc-/1", min_size=1, max_size=8)
PAIRS = st.lists(st.tuples(IDS, NUMBERS), max_size=3).map(tuple)


def come(link: Link, seq: int) -> Link:
    """What the gate does with a number of the current epoch."""
    seen = (seq, bytes([seq % 256]) * 32, seq)
    if seq > link.seq:
        return link.advanced(0, seen, LIMIT)
    return link.filled(seen) if link.is_missing(seq) else link


def test_numbers_that_were_skipped_are_missing_until_they_come() -> None:
    link = come(come(Link("e"), 0), 5)
    assert link.missing == ((1, 4),)
    assert come(link, 3).missing == ((1, 2), (4, 4))
    assert come(come(link, 1), 4).missing == ((2, 3),)


def test_a_new_epoch_begins_anew() -> None:
    link = come(come(Link("e"), 0), 5).advanced(7, (2, b"d" * 32, 9), LIMIT)
    assert (link.epoch, link.seq, link.digest) == (7, 2, b"d" * 32)
    assert link.missing == ((0, 1),)
    assert [s[0] for s in link.recent] == [2]


def test_a_group_is_heard_of_once_and_is_not_silent_then() -> None:
    link = Link("e", silent=("a", "b")).heard("a", 1).heard("b", 2).heard("a", 3)
    assert (link.seen_ns, link.silent) == ((("b", 2), ("a", 3)), ())


def test_only_the_newest_changes_wait() -> None:
    link = Link("e")
    assert link.waits(()) is link
    for i in range(PENDING + 5):
        link = link.waits((("pump", 1.0, i),))
    assert [c[2] for c in link.pending] == list(range(5, PENDING + 5))


@given(SEQUENCES)
def test_missing_is_exactly_what_did_not_come(sequence: list[int]) -> None:
    """As long as no more is missing than is remembered; ranges stay sorted, apart and bounded."""
    link, came = Link("e"), set()
    for seq in sequence:
        link = come(link, seq)
        came.add(seq)
    gone = set(range(max(came))) - came
    remembered = {n for first, last in link.missing for n in range(first, last + 1)}
    assert remembered <= gone
    assert len(remembered) <= LIMIT
    assert remembered == gone or len(gone) > LIMIT or max(came) > LIMIT
    flat = [n for pair in link.missing for n in pair]
    assert flat == sorted(flat)
    assert all(link.is_missing(n) == (n in remembered) for n in range(130))


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_leaps_of_any_size_cost_little(numbers: list[int]) -> None:
    link = Link("e")
    for seq in sorted(set(numbers)):
        link = link.advanced(0, (seq, bytes(32), 0), LIMIT)
    assert sum(last - first + 1 for first, last in link.missing) <= LIMIT
    assert len(link.recent) <= RECENT


LINKS = st.builds(
    Link,
    edge=IDS,
    epoch=st.integers(-1, 2**63 - 1),
    seq=st.integers(-1, 2**63 - 1),
    digest=st.binary(min_size=32, max_size=32),
    missing=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3).map(tuple),
    recent=st.lists(st.tuples(NUMBERS, st.binary(max_size=32), NUMBERS), max_size=3).map(tuple),
    received_ns=NUMBERS,
    entry=st.integers(-1, 2**63 - 1),
    seen_ns=PAIRS,
    silent=st.lists(IDS, max_size=3).map(tuple),
    pending=st.lists(st.tuples(IDS, st.floats(allow_nan=False), NUMBERS), max_size=3).map(tuple),
    actuators=st.lists(st.tuples(IDS, st.floats(allow_nan=False)), max_size=3).map(tuple),
)


@given(LINKS)
def test_a_stored_link_is_the_same_link(link: Link) -> None:
    assert read_link(write_link(link)) == link
    assert write_link(read_link(write_link(link))) == write_link(link)
