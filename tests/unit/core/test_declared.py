"""What is declared of a plant, sorted by scan group."""

from twinvouch.core.declared import (
    ELSEWHERE,
    Balance,
    Declarations,
    Expectation,
    Jitter,
    Redundancy,
    Step,
    Take,
    Term,
    by_group,
)

GROUPS = {"g": ("a", "b", "c"), "h": ("d",), "i": ("e",)}


def test_a_group_of_which_nothing_is_declared_is_not_there() -> None:
    assert by_group(GROUPS, Declarations()) == {}
    told = by_group(GROUPS, Declarations(varies_ns={"d": 7}, jitter={"g": Jitter(1, 0.1)}))
    assert set(told) == {"g", "h"}
    assert told["g"].jitter == Jitter(1, 0.1)
    assert told["g"].varying is None
    assert told["h"].varying is not None
    assert (told["h"].varying.columns.tolist(), told["h"].varying.limit_ns.tolist()) == ([0], [7])


def test_steps_are_in_the_order_of_columns() -> None:
    rules = by_group(GROUPS, Declarations(steps={"c": Step(0.1), "a": Step(0.5, 3.0)}))["g"].steps
    assert rules is not None
    assert rules.columns.tolist() == [0, 2]
    assert (rules.size.tolist(), rules.origin.tolist()) == ([0.5, 0.1], [3.0, 0.0])


def test_what_is_about_several_groups_is_in_each_of_them() -> None:
    redundancy = Redundancy("x", ("b", "d"), 0.1)
    told = by_group(
        GROUPS,
        Declarations(redundancy=(redundancy,), expectations=(Expectation("y", "d", 0, 1, "e"),)),
    )
    assert told["g"].redundancy[0].columns.tolist() == [1, ELSEWHERE]
    assert told["h"].redundancy[0].columns.tolist() == [ELSEWHERE, 0]
    assert told["i"].redundancy == ()
    assert [p.columns.tolist() for p in told["i"].expectations] == [[ELSEWHERE, 0]]
    assert told["g"].expectations == ()


def test_a_balance_is_an_integral_and_a_change_over_its_window() -> None:
    terms = (
        Term("a", 3.0),
        Term("b", 5.0, Take.INTEGRAL),
        Term("b", 8.0, Take.DERIVATIVE),
        Term("d", -2.0, Take.CHANGE),
    )
    told = by_group(GROUPS, Declarations(balances=(Balance("w", terms, 1, 10_000_000_000),)))
    (here,), (there,) = told["g"].balances, told["h"].balances
    assert (here.groups, here.place, there.place) == (("g", "h"), 0, 1)
    assert here.placed.columns.tolist() == [0, 1, ELSEWHERE]
    assert (here.flow.tolist(), here.stock.tolist()) == ([0.3, 5.0], [0.0, 0.8])
    assert (there.flow.tolist(), there.stock.tolist()) == ([0.0], [-2.0])
