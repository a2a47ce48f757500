"""Rows in which nothing happens: the short way says, and leaves behind, what the long one does."""

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.readings.detect.plant import FLOW, HOUR_NS, LEVEL, PRESSURE, RUN, SPARE, plant
from twinvouch.app.bench.sections import sections, with_lies
from twinvouch.core.table import Table
from twinvouch.core.ticket import Work
from twinvouch.readings.detect.columns import rounded
from twinvouch.readings.detect.context import Ticket
from twinvouch.readings.detect.errors import Errors
from twinvouch.readings.detect.learn import learn
from twinvouch.readings.detect.learned import Learned
from twinvouch.readings.detect.quiet import Quiet
from twinvouch.readings.detect.repeats import Ear, Heard
from twinvouch.readings.detect.score import Scorer
from twinvouch.readings.detect.state import ATTACK, Scored, State, begin

BEGIN, ROWS = 3000, 220
NEAR = {"rtol": 1e-9, "atol": 1e-9, "equal_nan": True}


@cache
def learned() -> Learned:
    return learn(plant(BEGIN, 1))


def closely(
    scorer: Scorer,
    ear: Ear,
    state: State,
    at: tuple[np.ndarray, np.ndarray],
    said: tuple[Ticket, ...],
) -> tuple[State, Scored]:
    """A row on the long way."""
    t_ns, values = at
    read = rounded(values, scorer.learned.columns.step)
    heard, replayed = ear.hear(state.heard, read)
    after, scored = scorer.closely(state, t_ns, read, replayed, said)
    made = {f.name: getattr(after, f.name) for f in fields(after)} | {"heard": heard}
    return State(**made), scored


def assert_same(one: object, other: object) -> None:
    for field in fields(one):  # type: ignore[arg-type]  # both are dataclasses
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, Heard):
            assert np.array_equal(mine.last(), theirs.last())
            assert np.array_equal(mine.tail, theirs.tail, equal_nan=True)
        elif field.name in {"alarm", "shown", "drift", "run", "t_ns"}:
            assert np.array_equal(mine, theirs), field.name
        else:
            assert np.allclose(mine, theirs, **NEAR), field.name


def follow(model: Learned, table: Table, said: tuple[Ticket, ...] = ()) -> np.ndarray:
    """Both ways row by row, compared at each; the alarms."""
    short, long, ear = Scorer(model), Scorer(model), Ear(model.windows)
    one, other = begin(model), begin(model)
    alarms = []
    for row in range(len(table.t_ns)):
        at = table.t_ns[row : row + 1], table.values[row : row + 1]
        one, mine = short.score(one, *at, said)
        other, theirs = closely(long, ear, other, at, said)
        assert_same(mine, theirs)
        assert_same(one, other)
        alarms.append(mine.alarm[0])
    return np.array(alarms)


@dataclass(frozen=True)
class Drawn:
    """What happens to a plant: lies and gaps by (tag, first row, rows, size), tickets by (work, tag, first row, rows)."""

    seed: int
    lies: list[tuple[int, int, int, float]]
    gaps: list[tuple[int, int, int]]
    pause: int
    replays: list[tuple[int, int]]
    tickets: list[tuple[Work, int, int, int]]


ROW = st.integers(20, ROWS - 20)
TAG = st.sampled_from([LEVEL, PRESSURE, FLOW, RUN, SPARE])
DRAWN = st.builds(
    Drawn,
    st.integers(2, 50),
    st.lists(st.tuples(TAG, ROW, st.integers(1, 60), st.floats(-8, 8)), max_size=3),
    st.lists(st.tuples(TAG, ROW, st.integers(1, 10)), max_size=2),
    ROW,
    st.lists(st.tuples(st.sampled_from([LEVEL, PRESSURE]), ROW), max_size=1),
    st.lists(st.tuples(st.sampled_from(list(Work)), TAG, ROW, st.integers(1, 60)), max_size=2),
)


def made(drawn: Drawn) -> tuple[Table, tuple[Ticket, ...]]:
    clean = plant(ROWS, drawn.seed, BEGIN)
    values, t_ns = clean.values.copy(), clean.t_ns.copy()
    for tag, first, rows, size in drawn.lies:
        values[first : first + rows, tag] += size
    for tag, first in drawn.replays:
        values[first : first + 20, tag] = values[first - 20 : first, tag][: ROWS - first]
    for tag, first, rows in drawn.gaps:
        values[first : first + rows, tag] = np.nan
    t_ns[drawn.pause :] += 5 * HOUR_NS
    said = tuple(
        Ticket(work, (tag,), int(t_ns[first]), int(t_ns[min(first + rows, ROWS - 1)]))
        for work, tag, first, rows in drawn.tickets
    )
    return Table(clean.ids, t_ns, values), said


@settings(max_examples=12)
@given(DRAWN)
def test_the_short_way_is_the_long_way(drawn: Drawn) -> None:
    table, said = made(drawn)
    follow(learned(), table, said)


@pytest.mark.parametrize("column", [LEVEL, PRESSURE, FLOW])
def test_so_it_is_while_a_tag_lies(column: int) -> None:
    clean = plant(ROWS, 2, BEGIN)
    values = clean.values.copy()
    values[80:160, column] += {LEVEL: 0.3, PRESSURE: 3.0, FLOW: 5.0}[column]
    alarms = follow(learned(), Table(clean.ids, clean.t_ns, values))
    assert (alarms[80:160, column] == ATTACK).any()


def test_so_it_is_in_a_plant_of_many_parts() -> None:
    many = sections(80, 1)
    model = learn(many.run(3000))
    assert len(model.parts) > 1
    alarms = follow(model, with_lies(many.run(300, 3000), 150, 50, 1))
    assert (alarms == ATTACK).any()


def test_most_rows_go_the_short_way() -> None:
    table, model = plant(ROWS, 2, BEGIN), learned()
    scorer, state, short = Scorer(model), begin(model), 0
    quiet, ear = Quiet(model, Errors(model)), Ear(model.windows)
    for row in range(ROWS):
        t_ns, values = table.t_ns[row : row + 1], table.values[row : row + 1]
        read = rounded(values, model.columns.step)
        short += quiet.row(state, t_ns, read[0], ear.hear(state.heard, read)[0]) is not None
        state, _ = scorer.score(state, t_ns, values)
    assert short > 0.8 * ROWS
