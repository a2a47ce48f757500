"""Branches that are compared: the command, the laws at once, and no command."""

from collections.abc import Generator, Sequence
from dataclasses import replace

import pytest

from tests.unit.engine.ahead import TANK, in_place
from tests.unit.twin.test_rollout import EXACT, question
from twinvouch.app.foresight import Foreseer
from twinvouch.commands.lookahead import is_safe
from twinvouch.core.lookahead import Foresight, Interval, Question


def asking(*standing: float) -> Question:
    """A tank that is 0.2 m above its low limit and loses 0.4 m an hour while its pump stands; too little speed by itself."""
    own = Interval(min(standing), standing[-1], max(standing))
    state = (("level", Interval(1.2, 1.2, 1.2)), ("run", EXACT), ("speed", own))
    return question(state=state, value=0.15, standing=standing)


def foreseen(asked: Question) -> Foresight:
    return Foreseer(TANK.model, in_place, is_searching=False).foresee(asked, float("inf"))


@pytest.mark.parametrize("standing", [(0.0,), (0.0, 0.1), (0.1, 0.0)])
def test_what_leaves_it_less_than_whatever_no_command_is_eases(standing: tuple[float, ...]) -> None:
    """Backup now would keep the tank inside."""
    seen = foreseen(asking(*standing))
    assert max(b.worst for b in seen.commands) > 0
    assert seen.eased[::2] == (True,) * 5, "by law `band`"
    assert is_safe(seen)


@pytest.mark.parametrize("standing", [(0.3, 0.0), (0.0, 0.3), (0.0, 0.3, 0.1)])
def test_it_does_not_ease_where_the_actuator_may_be_where_it_helps_more(
    standing: tuple[float, ...],
) -> None:
    seen = foreseen(asking(*standing))
    assert not all(seen.eased[::2])
    assert not is_safe(seen)


def test_a_value_that_somebody_overwrote_may_be_set_again_and_one_that_stands_needs_nobody() -> (
    None
):
    assert is_safe(foreseen(replace(asking(0.1, 0.0), value=0.1)))
    seen = foreseen(replace(asking(0.1), value=0.1))
    assert seen.eased == ()
    assert not is_safe(seen)


def test_where_doubt_widens_the_actuator_itself_no_command_is_not_known() -> None:
    """Better than both ends of an interval may be worse than what is between them, which trust would have told."""
    seen = foreseen(replace(asking(0.0, 0.1), standing=()))
    assert seen.eased == ()
    assert not is_safe(seen)


def test_each_value_that_no_command_may_be_is_run_and_kept_for_the_state() -> None:
    asked = asking(0.0, 0.1)
    calls = list[int]()

    def ask(raw: Sequence[bytes], until_s: float) -> Generator[bytes, None, None]:
        calls.append(len(raw))
        return in_place(raw, until_s)

    seer = Foreseer(TANK.model, ask, is_searching=False)
    first = seer.foresee(asked, float("inf"))
    assert len(calls) == 4, "the command, the laws at once, and two values of no command"
    assert first.runs == 4 * len(first.commands)
    assert seer.foresee(asked, float("inf")) == first
    assert len(calls) == 5, "the command alone"
