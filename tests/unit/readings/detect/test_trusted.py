"""What the readings of a block were believed: the least of them, however they come."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.memo import Memo
from twinvouch.readings.detect import trusted
from twinvouch.readings.detect.blocks import Plan, Source
from twinvouch.readings.detect.trusted import Pending

SECOND = 10**9
HELD = Plan(
    10 * SECOND,
    np.zeros(2, np.bool_),
    np.zeros(1, np.bool_),
    np.full(1, 60 * SECOND),
    np.array([0, 60 * SECOND]),
)
BOTH = Source(0, np.arange(2), 0)


def added(before: Pending, rows: list[tuple[int, int, int]]) -> Pending:
    t_ns = np.array([t for t, _, _ in rows]) * SECOND
    return trusted.add(before, HELD, BOTH, t_ns, np.array([[a, b] for _, a, b in rows], np.int16))


def taken(before: Pending, *blocks: int) -> tuple[Pending, np.ndarray | None]:
    return trusted.take(before, HELD, np.array(blocks) * 10 * SECOND)


def test_where_nothing_is_doubted_nothing_is_kept() -> None:
    fresh = trusted.nothing(2)
    assert added(fresh, [(0, 255, -1), (5, 255, 255)]) is fresh
    assert taken(fresh, 0, 1) == (fresh, None)


def test_of_a_block_the_least_counts_and_no_block_beside_it() -> None:
    pending = added(trusted.nothing(2), [(10, 255, 255), (12, 120, 255), (14, 255, 255)])
    pending = added(pending, [(20, 255, 255)])
    after, least = taken(pending, 0, 1, 2)
    assert least is not None
    assert least.tolist() == [[255, 255], [120, 255], [255, 255]]
    assert after.numbers.tolist() == []
    assert taken(after, 3)[1] is None


def test_what_is_held_is_believed_as_it_was_read() -> None:
    pending = added(trusted.nothing(2), [(10, 60, 60)])
    after, least = taken(pending, 1, 2)
    assert least is not None
    assert least.tolist() == [[60, 60], [255, 60]], (
        "silence means unchanged for the second tag only"
    )
    after = added(after, [(30, -1, 255)])
    after, least = taken(after, 3)
    assert least is not None
    assert least.tolist() == [[255, 255]]
    assert taken(after, 4)[1] is None


def test_it_comes_back_from_the_state_store() -> None:
    pending = added(trusted.nothing(2), [(10, 60, 60), (20, 1, 255)])
    again = Memo("", Memo("", value=pending).stored()).as_value(trusted.nothing(2))
    one, two = taken(pending, 1, 2), taken(again, 1, 2)
    assert one[1] is not None
    assert two[1] is not None
    assert np.array_equal(one[1], two[1])


ROWS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([-1, 0, 60, 255]), st.sampled_from([-1, 9, 255])),
    min_size=1,
    max_size=20,
)


@given(ROWS, st.integers(1, 19))
def test_a_reading_is_never_believed_more_for_its_company(
    rows: list[tuple[int, int, int]], cut: int
) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    pending = trusted.nothing(2)
    for part in (rows[:cut], rows[cut:]):
        pending = added(pending, part) if part else pending
    _, least = taken(pending, *range(8))
    for t, *told in rows:
        for tag, plausibility in enumerate(told):
            if plausibility >= 0:
                assert least is None or least[(t + 5) // 10, tag] <= plausibility
                assert least is not None or plausibility == 255
