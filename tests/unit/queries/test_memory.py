"""What a service has read counts for a window, no longer and no shorter."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.label import Label
from twinvouch.queries.memory import MOST, Seen, read_seen, recent, remember, write_seen

KEEP = 100


def label(*columns: tuple[int, int, int, int]) -> Label:
    axes = np.array(columns, dtype=np.uint8).T.copy()
    return Label(axes, np.zeros(len(columns), dtype=np.int64))


def test_a_bad_reading_counts_for_the_window_also_for_one_who_reads_all_the_time() -> None:
    seen: Seen = remember({}, ["a", "b"], label((0, 9, 9, 9), (5, 5, 5, 5)), 0, KEEP)
    for now in range(10, 200, 10):
        seen = remember(seen, ["a"], label((8, 8, 8, 8)), now, KEEP)
        worst = recent(seen, now, KEEP)["a"]
        assert worst == ((0, 8, 8, 8) if now <= KEEP else (8, 8, 8, 8))
    assert "b" not in recent(seen, 190, KEEP)
    assert recent(seen, 400, KEEP) == {}


readings = st.lists(
    st.tuples(st.integers(0, 30), st.tuples(*[st.integers(0, 3)] * 4)), min_size=1, max_size=60
)


@given(readings)
def test_it_is_the_minimum_over_the_window_and_survives_storing(
    told: list[tuple[int, tuple[int, int, int, int]]],
) -> None:
    seen: Seen = {}
    now, history = 0, []
    for step, axes in told:
        now += step
        history.append((now, axes))
        seen = read_seen(write_seen(remember(seen, ["t"], label(axes), now, KEEP)))
        within = [a for at, a in history if now - at <= KEEP]
        exact = tuple(min(column) for column in zip(*within, strict=True))
        got = recent(seen, now, KEEP)["t"]
        if len(seen["t"]) < MOST:
            assert got == exact
        assert all(g <= e for g, e in zip(got, exact, strict=True))
        assert len(seen["t"]) <= MOST + 1


def test_an_open_stream_is_asked_again_before_it_counts_as_closed() -> None:
    from twinvouch.app.api.server import REASK_S
    from twinvouch.queries.memory import STREAM_NS

    assert 1.5 * REASK_S * 1e9 <= STREAM_NS


def test_what_was_read_is_told_in_an_order_that_a_restart_knows() -> None:
    seen: Seen = {}
    for now, tag in enumerate(("b", "a", "c", "a")):
        seen = remember(seen, [tag], label((5, 5, 5, 5)), now, KEEP)
    assert list(recent(seen, 5, KEEP)) == list(recent(read_seen(write_seen(seen)), 5, KEEP))
