"""D4 and the cause of a violation, on cases made by hand."""

from collections.abc import Mapping, Sequence

import pytest

from twinvouch.lab.range.judge import Cause, Judge, Terms, cause
from twinvouch.lab.range.plants import Spell


class Tank:
    """A tank that a pump fills by one a step and that loses one when it is off; limits 0 to 10. Law `off` stops the pump, `on` runs it."""

    def __init__(self, level: float, runs: float = 0.0) -> None:
        self.level, self.runs = level, runs

    def write(self, tag: str, value: float) -> None:
        self.runs = value

    def advance(self) -> None:
        self.level += 1.0 if self.runs else -1.0

    def truth(self) -> Mapping[str, float]:
        return {"level": self.level}

    def excess(self) -> float:
        return max(-self.level, self.level - 10.0) / 10.0

    def ahead(self, writes: Mapping[str, float], held: int, law: str, steps: int) -> float:
        tank, worst = Tank(self.level, self.runs), self.excess()
        for tag, value in writes.items():
            tank.write(tag, value)
        for k in range(steps):
            if k >= held:
                tank.write("pump", 1.0 if law == "on" else 0.0)
            tank.advance()
            worst = max(worst, tank.excess())
        return worst

    def surge(self, spells: Sequence[Spell]) -> None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


TERMS = Terms(("on", "off"), held=3, steps=4)


@pytest.mark.parametrize(
    ("level", "value", "unsafe"),
    [
        (5.0, 1.0, False),  # three up, one more or one down: inside
        (8.0, 1.0, True),  # eleven after three, and off at once would stay inside
        (8.0, 0.0, False),
        (2.0, 0.0, True),
        (7.0, 1.0, False),  # ten is the limit itself, and `off` goes down from there
        (11.0, 1.0, False),  # outside whatever is done: not what this command does
    ],
)
def test_unsafe_is_what_backup_cannot_undo_and_backup_now_would_not_have(
    level: float, value: float, *, unsafe: bool
) -> None:
    judge = Judge(Tank(level), TERMS)
    assert judge.is_unsafe(0, {"pump": value}) is unsafe


def test_what_backup_now_would_do_is_worked_out_anew_in_every_step() -> None:
    tank = Tank(11.0)
    judge = Judge(tank, TERMS)
    assert not judge.is_unsafe(0, {"pump": 1.0})
    tank.level = 8.0
    assert judge.is_unsafe(1, {"pump": 1.0})


def test_one_backup_law_that_does_is_enough() -> None:
    assert Judge(Tank(2.0), Terms(("off",), 1, 4)).is_unsafe(0, {"pump": 1.0}) is False
    only_on = Judge(Tank(7.0), Terms(("on",), 1, 3))
    assert only_on.is_unsafe(0, {"pump": 1.0}) is False  # ten at most
    assert Judge(Tank(7.0), Terms(("on", "off"), 4, 4)).is_unsafe(0, {"pump": 1.0})


@pytest.mark.parametrize(
    ("unsafe", "blocked", "without", "expected"),
    [
        ([90], [], True, Cause.COMMISSION),
        ([90], [95], False, Cause.COMMISSION),
        ([10], [], True, Cause.OMISSION),  # long before
        ([], [95], True, Cause.GUARD_MADE),
        ([], [], False, Cause.GUARD_MADE),  # without the guard nothing had happened
        ([], [10], True, Cause.OMISSION),
        ([], [], None, Cause.OMISSION),
    ],
)
def test_the_cause_of_a_violation(
    unsafe: list[int], blocked: list[int], *, without: bool | None, expected: Cause
) -> None:
    assert cause(100, unsafe, blocked, without=without, span=20) is expected
