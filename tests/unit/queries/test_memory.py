"""R7: what a service has read counts as an input of its commands."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.label import Label
from twinvouch.queries.memory import Seen, read_seen, recent, remember, write_seen

KEEP = 600


def label_of(*columns: tuple[int, int, int, int]) -> Label:
    axes = np.array(columns, np.uint8).T.reshape(4, len(columns)).copy()
    return Label(axes, np.zeros(len(columns), np.int64))


def test_what_was_read_is_remembered_with_its_label() -> None:
    seen = remember({}, ("a", "b"), label_of((1, 2, 3, 4), (5, 6, 7, 8)), 10, KEEP)
    assert recent(seen, 20, KEEP) == {"a": (1, 2, 3, 4), "b": (5, 6, 7, 8)}


def test_the_worst_that_was_seen_counts_axis_by_axis() -> None:
    seen = remember({}, ("a",), label_of((9, 1, 9, 9)), 10, KEEP)
    seen = remember(seen, ("a",), label_of((3, 9, 9, 9)), 20, KEEP)
    assert seen["a"] == (20, (3, 1, 9, 9))


def test_what_was_read_long_ago_is_forgotten() -> None:
    seen = remember({}, ("a",), label_of((1, 2, 3, 4)), 10, KEEP)
    assert recent(seen, 10 + KEEP, KEEP) == {"a": (1, 2, 3, 4)}
    assert recent(seen, 11 + KEEP, KEEP) == {}
    assert "a" not in remember(seen, ("b",), label_of((0, 0, 0, 0)), 11 + KEEP, KEEP)


def test_reading_again_in_the_window_keeps_the_worst_for_longer() -> None:
    """A lie that was read counts until nobody has read the tag for a whole window."""
    seen: Seen = remember({}, ("a",), label_of((0, 0, 0, 0)), 0, KEEP)
    seen = remember(seen, ("a",), label_of((255, 255, 255, 255)), KEEP, KEEP)
    assert recent(seen, KEEP + 1, KEEP) == {"a": (0, 0, 0, 0)}


COLUMN = st.tuples(*[st.integers(0, 255)] * 4)
READS = st.lists(
    st.tuples(st.integers(0, 400), st.dictionaries(st.sampled_from("abcd"), COLUMN, max_size=4)),
    max_size=10,
)


def after(reads: list[tuple[int, dict[str, tuple[int, int, int, int]]]]) -> tuple[Seen, int]:
    seen: Seen = {}
    now = 0
    for wait, tags in reads:
        now += wait
        seen = remember(seen, tuple(tags), label_of(*tags.values()), now, KEEP)
    return seen, now


@given(READS)
def test_a_read_never_raises_what_counts(
    reads: list[tuple[int, dict[str, tuple[int, int, int, int]]]],
) -> None:
    before, then = after(reads[:-1])
    seen, now = after(reads)
    for tag, axes in recent(before, now, KEEP).items():
        assert then <= now
        assert all(a <= b for a, b in zip(seen[tag][1], axes, strict=True))


@given(READS)
def test_a_stored_memory_is_the_same_memory(
    reads: list[tuple[int, dict[str, tuple[int, int, int, int]]]],
) -> None:
    seen, _ = after(reads)
    assert read_seen(write_seen(seen)) == seen
