"""safe_action: what two persons listed as hazard-reducing is not held for want of trust, and abuse of it is told."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.commands.world import (
    FLOW,
    GOOD,
    LEVEL,
    NOW,
    SECOND,
    SPEED,
    VALVE,
    Board,
    command,
    decide,
    plant,
    site,
)
from twinvouch.commands.safe_action import was_admitted
from twinvouch.core.command import Decision, Verdict
from twinvouch.core.context import ActuatorWrite, Context
from twinvouch.core.mode import Mode, Rung, Stepped
from twinvouch.core.past import Past
from twinvouch.core.safe import DAY_S, HOUR_NS, Safe
from twinvouch.core.site import Site

STOP = Safe("pump-1", SPEED, 0.0, per_hour=3, digest=b"\xab" * 32)
NOTHING = (0, 0, 0, 0)


def listing(*more: Safe, **but: Any) -> Site:
    of = {STOP.tag: (STOP,)}
    for each in more:
        of[each.tag] = (*of.get(each.tag, ()), each)
    return site(safe=of, **but)


def past(**but: Any) -> Site:
    """The pump with rules over its past."""
    built = plant()
    tag = built.tags[SPEED]
    assert tag.limits is not None
    limits = replace(tag.limits, past=Past(**but.pop("past", {})), **but)
    changed = replace(built, tags={**built.tags, SPEED: replace(tag, limits=limits)})
    return listing(plant=changed)


def lying() -> Board:
    """Nobody believes any reading, and the level says what the interlock forbids."""
    board = Board(axes=dict.fromkeys(Board().axes, NOTHING))
    board.values[LEVEL] = 0.0
    return board


def stop(**but: Any) -> Decision:
    asked = command(value=but.pop("value", 0.0))
    return decide(asked, **{"on": listing(), "approvals": (), **but})


def test_a_listed_stop_is_admitted_though_no_reading_is_trusted_and_says_under_which_list() -> None:
    decision = stop(frame=lying())
    assert decision.verdict is Verdict.ALLOW
    assert was_admitted(decision)
    assert "abababababababab" in decision.why
    assert "1 of 3 in an hour" in decision.why
    assert decision.axes == NOTHING, "its label is told as it is"
    assert decide(command(value=0.0), frame=lying(), approvals=()).verdict is Verdict.DENY


@pytest.mark.parametrize("value", [1e-9, -0.5, 0.1, 50.0])
def test_another_value_is_judged_as_any_other(value: float) -> None:
    decision = stop(value=value, frame=lying())
    assert not was_admitted(decision)
    assert decision.verdict is Verdict.DENY


def test_what_trusted_readings_say_still_counts() -> None:
    board = Board()
    board.values[LEVEL] = 1.0  # the interlock wants more than 2
    assert stop(frame=board).verdict is Verdict.DENY
    board.fresh[LEVEL] = NOW - 1
    assert stop(frame=board).verdict is Verdict.ALLOW, "stale: nobody knows"
    board = Board(axes={**Board().axes, LEVEL: (250, 250, 199, 250)})
    board.values[LEVEL] = 1.0
    assert stop(frame=board).verdict is Verdict.ALLOW, "less than its class demands"
    board = Board()
    board.values[LEVEL] = 1.0
    distrusting = Context(distrusted={LEVEL: NOW + SECOND})
    assert stop(frame=board, context=distrusting).verdict is Verdict.ALLOW


def test_a_missing_or_lying_position_does_not_keep_it_from_being_done() -> None:
    tight = past(
        rate=0.1, past={"travel": 1.0, "ramp": 1.0, "ramp_ns": SECOND, "dwell_on_ns": SECOND}
    )
    assert stop(on=tight, frame=Board()).verdict is Verdict.DENY, "a trusted position says too far"
    for board in (Board(), Board()):
        board.values[SPEED] = None
        assert stop(on=tight, frame=board).verdict is Verdict.ALLOW
    assert stop(on=tight, frame=lying()).verdict is Verdict.ALLOW


def test_what_permits_say_counts_without_any_reading() -> None:
    def on(seconds: int) -> Context:
        at = NOW - seconds * SECOND
        write = ActuatorWrite(
            SPEED, 30.0, at, at + SECOND, at, is_over=True, permit=7, before=(0.0,)
        )
        return Context(writes={SPEED: (write,)})

    dwelling = past(past={"dwell_on_ns": 60 * SECOND})
    assert stop(on=dwelling, frame=lying(), context=on(30)).verdict is Verdict.DENY
    assert stop(on=dwelling, frame=lying(), context=on(61)).verdict is Verdict.ALLOW
    counting = past(past={"writes": 1})
    assert stop(on=counting, frame=lying(), context=on(61)).verdict is Verdict.DENY
    slow = past(rate=0.1)
    assert stop(on=slow, frame=lying(), context=on(30)).verdict is Verdict.DENY
    starting = replace(past(past={"starts": 1}), safe={SPEED: (replace(STOP, value=10.0),)})
    assert stop(on=starting, frame=lying(), context=on(61), value=10.0).verdict is Verdict.DENY


def test_policy_form_limits_and_mode_are_asked_as_ever() -> None:
    assert decide(command(value=0.0, principal="script"), on=listing()).verdict is Verdict.DENY
    assert decide(command(value=0.0, made_ns=NOW - HOUR_NS), on=listing()).verdict is Verdict.DENY
    outside = replace(STOP, value=60.0)
    assert stop(on=site(safe={SPEED: (outside,)}), value=60.0).verdict is Verdict.DENY
    withheld = Context(withheld=(("config_signed", "nobody signed"),))
    assert stop(context=withheld).verdict is Verdict.DENY


@pytest.mark.parametrize("rung", [Rung.ADVISORY, Rung.READ_ONLY, Rung.ISOLATED])
def test_a_mode_that_a_person_set_or_a_misused_key_brought_about_stands(rung: Rung) -> None:
    for mode in (Mode(rung), Mode(rung, stepped=Stepped(Rung.SUPERVISED))):
        assert stop(context=Context(modes={"pump-1": mode})).verdict is Verdict.DENY


def test_advisory_for_want_of_trust_does_not_keep_it_from_being_done() -> None:
    mode = Mode(Rung.ADVISORY, stepped=Stepped(Rung.SUPERVISED, (LEVEL,)))
    taken = Context(modes={"pump-1": mode})
    assert stop(context=taken).verdict is Verdict.ALLOW
    assert decide(command(), on=listing(), context=taken).verdict is Verdict.DENY
    deeper = replace(mode, rung=Rung.READ_ONLY)
    assert stop(context=Context(modes={"pump-1": deeper})).verdict is Verdict.DENY


def test_a_full_disk_stops_all_but_safe_actions() -> None:
    full = Context(is_disk_full=True)
    assert stop(frame=lying(), context=full).verdict is Verdict.ALLOW
    assert decide(command(), on=listing(), context=full).verdict is Verdict.DENY


def test_beyond_its_number_it_is_abuse_and_judged_as_any_other() -> None:
    def used(*minutes: int) -> Context:
        return Context(safe_used={STOP.key: tuple(NOW - m * 60 * SECOND for m in minutes)})

    assert was_admitted(stop(frame=lying(), context=used(90, 50, 10)))
    decision = stop(frame=lying(), context=used(50, 30, 10))
    assert not was_admitted(decision)
    assert decision.verdict is Verdict.DENY
    (told,) = (r for r in decision.reasons if r.rule == "safe_action_abuse")
    assert told.counterfactual == "would be admitted as a safe action in 600 s"
    trusted = stop(context=used(50, 30, 10), approvals=("emil", "otto"))
    assert trusted.verdict is Verdict.ALLOW, "abuse is no reason against what every rule allows"


def test_a_key_that_a_person_distrusts_has_no_safe_actions() -> None:
    site_ = listing()
    kid = next(k for k, p in site_.plant.by_key_id.items() if p.id == "eva")
    asked = stop(on=site_, context=Context(distrusted_keys={kid: NOW + SECOND}))
    assert not was_admitted(asked)
    assert asked.verdict is Verdict.HOLD


@pytest.mark.parametrize(
    ("windows", "second", "is_open"),
    [
        ((), 0, True),
        (((0, DAY_S),), DAY_S - 1, True),
        (((3600, 7200),), 3600, True),
        (((3600, 7200),), 7200, False),
        (((79200, 18000),), 80000, True),
        (((79200, 18000),), 17999, True),
        (((79200, 18000),), 18000, False),
        (((0, 10), (20, 30)), 25, True),
    ],
)
def test_windows_are_times_of_the_day_that_no_reading_moves(
    windows: Any,
    second: int,
    is_open: bool,  # noqa: FBT001 (one of a table)
) -> None:
    day = NOW - NOW % (DAY_S * SECOND)
    assert replace(STOP, windows=windows).is_open(day + second * SECOND) is is_open
    closed = site(safe={SPEED: (replace(STOP, windows=((3600, 3601),)),)})
    at = day + 7200 * SECOND
    asked = command(value=0.0, made_ns=at)
    assert not was_admitted(decide(asked, on=closed, now_ns=at, frame=lying()))


@given(
    st.fixed_dictionaries(dict.fromkeys((LEVEL, FLOW, SPEED, VALVE), st.integers(0, 255))),
    st.fixed_dictionaries(
        {t: st.one_of(st.none(), st.floats(allow_nan=True)) for t in (LEVEL, FLOW, SPEED, VALVE)}
    ),
)
def test_no_lie_that_is_not_trusted_refuses_it(
    axes: dict[str, int], values: dict[str, Any]
) -> None:
    """Whatever untrusted readings say, the decision is the one without them."""
    board, blind = Board(), Board()
    for tag, value in values.items():
        is_trusted = axes[tag] >= 200
        four = (axes[tag],) * 4
        board.axes[tag] = blind.axes[tag] = four if not is_trusted else GOOD
        board.values[tag] = value if not is_trusted else Board().values[tag]
        blind.values[tag] = None if not is_trusted else Board().values[tag]
    tight = past(rate=0.1, past={"travel": 100.0, "dwell_on_ns": SECOND})
    assert stop(on=tight, frame=board) == stop(on=tight, frame=blind)


@pytest.mark.parametrize(
    ("by", "verdict"),
    [((), Verdict.ALLOW), (("ann", "eva"), Verdict.ALLOW), (("ann",), Verdict.DENY)],
)
def test_it_is_on_the_list_for_those_who_are_named(by: tuple[str, ...], verdict: Verdict) -> None:
    found = stop(frame=lying(), on=site(safe={SPEED: (replace(STOP, by=by),)}))
    assert found.verdict is verdict
    assert was_admitted(found) is (verdict is Verdict.ALLOW)
