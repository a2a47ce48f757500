from hypothesis import given
from hypothesis import strategies as st

from twinvouch.core.lookahead import Interval, Source
from twinvouch.core.trusted import HOUR_NS, Trusted, exact, remember, widened

LEVEL = Source("tank/level", 0.0, 10.0, 0.1, 0.5)
FULL = (255, 255, 255, 255)
WINDOW_NS = HOUR_NS


def after(*told: tuple[float, float]) -> Trusted:
    """What is remembered of `(hour, value)`, in order."""
    known = None
    for n, (hour, value) in enumerate(told):
        known = remember(known, value, FULL, n, (round(hour * HOUR_NS), WINDOW_NS))
    assert known is not None
    return known


def test_a_trusted_value_is_where_it_says_within_its_error_and_its_range() -> None:
    assert exact(LEVEL, 5.0) == Interval(4.9, 5.0, 5.1)
    assert exact(LEVEL, 10.05) == Interval(9.950000000000001, 10.0, 10.0)


def test_units_are_converted_and_a_negative_factor_turns_the_ends() -> None:
    head = Source("tank/depth", 0.0, 10.0, 0.5, factor=-2.0, offset=30.0)
    assert exact(head, 5.0) == Interval(19.0, 20.0, 21.0)
    assert widened(head, None, 0) == Interval(10.0, 20.0, 30.0)


def test_a_lie_that_began_within_a_window_lies_in_a_hull_with_the_truth_before_it() -> None:
    """Honest at 5 m for two hours; then half an hour of a lie that climbs to 8 m before it is found."""
    known = after((0.0, 5.0), (0.9, 5.0), (1.0, 5.0), (1.9, 5.0), (2.0, 5.5), (2.4, 8.0))
    start = widened(LEVEL, known, round(2.4 * HOUR_NS))
    assert start.low < 5.0
    assert start.high > 8.0


def test_what_was_two_windows_ago_is_forgotten() -> None:
    known = after((0.0, 1.0), (1.0, 5.0), (2.0, 5.0), (2.5, 5.0))
    start = widened(LEVEL, known, round(2.5 * HOUR_NS))
    assert start.low > 4.0


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 10)), min_size=1, max_size=12),
    st.floats(0, 30),
    st.floats(0, 30),
)
def test_it_widens_with_time_and_never_moves(
    told: list[tuple[float, float]], one: float, other: float
) -> None:
    known = after(*sorted(told))
    last = max(hour for hour, _ in told)
    first, later = (
        widened(LEVEL, known, round((last + h) * HOUR_NS)) for h in sorted((one, other))
    )
    assert later.low <= first.low <= first.high <= later.high
    assert 0.0 <= later.low <= later.centre <= later.high <= 10.0
    newest = max(told, key=lambda t: t[0])[1] if len({h for h, _ in told}) == len(told) else None
    assert newest is None or first.low <= newest <= first.high


def test_the_worst_label_of_both_windows_counts() -> None:
    first = remember(None, 5.0, (120, 255, 255, 255), 0, (0, WINDOW_NS))
    both = remember(first, 5.0, (255, 200, 255, 255), 7, (WINDOW_NS, WINDOW_NS))
    assert both.axes == (120, 200, 255, 255)
    assert both.entries == (0, 7)
