"""What decisions look up in columns and plain numbers is what rows and arrays say, on generated permits, frames and questions."""

from dataclasses import replace
from math import inf, nan
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.commands.world import NOW, SECOND, VALVE, Board, command, plant, site
from twinvouch.commands import permitted
from twinvouch.commands.view import View
from twinvouch.core.context import NO_WRITES, ActuatorWrite, Context, Writes
from twinvouch.core.errors import MalformedError
from twinvouch.core.lookahead import Interval, Question
from twinvouch.wire.lookahead import is_whole, read_question, write_question

values = st.sampled_from([0.0, -0.0, 0.25, 1.0, 7.5])
ago = st.integers(0, 40)


@st.composite
def permits(draw: st.DrawFn) -> tuple[ActuatorWrite, ...]:
    made = []
    for n, since in enumerate(sorted(draw(st.lists(ago, max_size=12)), reverse=True)):
        at = NOW - since * SECOND
        before = tuple(sorted({*draw(st.lists(values, max_size=3))}))
        is_over = draw(st.booleans())
        spent = draw(st.sampled_from([0, at + SECOND])) if is_over else 0
        is_void = is_over and not spent and draw(st.booleans())
        times = (at, at + 5 * SECOND, spent)
        made.append(ActuatorWrite(VALVE, draw(values), *times, is_over, n, is_void, before))
    return tuple(made)


@given(permits(), st.integers(0, 60))
def test_a_window_of_columns_is_the_window_of_rows(
    rows: tuple[ActuatorWrite, ...], window_s: int
) -> None:
    context = Context(writes={VALVE: rows})
    view = View(command(), site(), Board(), context, {}, frozenset(), NOW, NOW)
    since_ns = NOW - window_s * SECOND
    kept = [
        w
        for w in rows
        if (not w.is_over or (w.spent_ns or w.expires_ns) > since_ns) and not w.is_void
    ]
    found = permitted.within(view, VALVE, window_s * SECOND)
    assert found["value"].tolist() == [w.value for w in kept]
    assert permitted.ends(view, found).tolist() == [w.end_ns(NOW) for w in kept]
    limits = plant().tags[VALVE].limits
    assert limits is not None
    span = limits.high - limits.low
    moved = [max(w.before[-1] - w.value, w.value - w.before[0]) if w.before else span for w in kept]
    assert permitted.moves(found, limits) == moved
    on = [w.value != 0 and (not w.before or 0.0 in w.before) for w in kept]
    off = [w.value == 0 and (not w.before or any(w.before)) for w in kept]
    assert (found["on"].tolist(), found["off"].tolist()) == (on, off)


@given(permits(), st.data())
def test_columns_that_were_carried_on_are_those_made_anew(
    rows: tuple[ActuatorWrite, ...], data: st.DataObject
) -> None:
    carried, now = NO_WRITES, list[ActuatorWrite]()
    for write in data.draw(st.permutations(rows)):
        carried = carried.taking(write)
        now = sorted([*now, write], key=lambda w: w.permit)
    if now:
        place = data.draw(st.integers(0, len(now) - 1))
        now[place] = replace(now[place], is_over=True, spent_ns=NOW)
        carried = carried.taking(now[place])
    assert carried.rows == tuple(now)
    assert carried.table.tobytes() == Writes.of(tuple(now)).table.tobytes()


@given(permits(), st.integers(0, 60))
def test_what_is_remembered_in_columns_is_what_rows_say(
    rows: tuple[ActuatorWrite, ...], window_s: int
) -> None:
    new = ActuatorWrite(VALVE, 1.0, NOW, NOW + 5 * SECOND, permit=len(rows))
    window_ns = window_s * SECOND
    with patch.multiple(permitted, FEWEST=3, MOST=6):
        kept, gone_ns = permitted.remembered(Writes.of(rows), new, window_ns, NOW)
    every = (*rows, new)
    young = [NOW - w.end_ns(NOW) < window_ns or n >= len(every) - 3 for n, w in enumerate(every)]
    expected = tuple(w for w, is_young in zip(every, young, strict=True) if is_young)[-6:]
    gone = [w.end_ns(NOW) for w in every if w not in expected]
    assert (kept.rows, gone_ns) == (expected, max(gone, default=-1))


numbers = st.sampled_from([-1.0, 0.0, 1.0, 2.0, 60.0, 3600.0, nan, inf])
names = st.sampled_from(["tank:1", "", "bell\a", "x" * 201])


@given(
    names,
    st.lists(st.tuples(names, numbers, numbers, numbers), max_size=2),
    st.lists(st.tuples(names, numbers, numbers), max_size=2),
    st.tuples(*[numbers] * 8),
    st.lists(numbers, max_size=2),
)
def test_a_question_that_is_whole_can_be_read(
    name: str, state: list, limits: list, n: tuple, standing: list
) -> None:
    told = tuple((quantity, Interval(*ends)) for quantity, *ends in state)
    asked = Question(name, b"d", told, tuple(limits), name, *n, standing=tuple(standing))
    try:
        read = read_question(write_question(asked))
    except MalformedError:
        assert not is_whole(asked)
    else:
        assert read == asked
        assert is_whole(asked)
