"""Rules over the past in twin.yaml: what they become, what is refused, and that two persons sign them."""

from math import inf
from pathlib import Path

import pytest

from tests.unit.app.plants import changed, loaded, problems
from twinvouch.app import inventory, safety
from twinvouch.commands.view import mandatory
from twinvouch.core.past import Joint, Past, Steady
from twinvouch.core.site import SECOND

RULES = "class: A, travel_per_hour: 4, starts_per_hour: 6, dwell_on_s: 300, ramp_by: 0.5, ramp_within_s: 600,"
TWO = (
    changed("class: A,", RULES)
    .replace("pump-1: {zone", "pump-2: {}, pump-1: {zone")
    .replace(
        "edges: {edge-1",
        """  pump-2/speed:
    {group: fast, range: [0, 1], device: plc-1, table: holding, address: 9, actuator: {class: B, min: 0, max: 1}}
sequence: {level-first: {move: pump-1/speed, after: tank-1/level, min: 2.5, for_s: 30}}
joint: {pumps: {tags: [pump-1/speed, pump-2/speed], max_sum: 1.5, starts_apart_s: 60}}
edges: {edge-1""",
    )
)


def test_what_is_declared_becomes_the_rules_of_an_actuator(tmp_path: Path) -> None:
    plant = inventory.plant(loaded(tmp_path, TWO))
    one, two = plant.tags["pump-1/speed"].limits, plant.tags["pump-2/speed"].limits
    assert one is not None
    assert two is not None
    joint = Joint("pumps", ("pump-2/speed",), high_sum=1.5, apart_ns=60 * SECOND)
    first = Steady("level-first", "tank-1/level", 2.5, inf, 30 * SECOND)
    assert one.past == Past(
        travel=4.0, starts=6, dwell_on_ns=300 * SECOND, ramp=0.5, ramp_ns=600 * SECOND,
        after=(first,), joints=(joint,),
    )  # fmt: skip
    assert mandatory(plant.tags["pump-1/speed"]) == ("tank-1/level", "pump-2/speed", "pump-1/speed")
    assert two.past.joints[0].others == ("pump-1/speed",)
    assert mandatory(plant.tags["pump-2/speed"]) == ("pump-1/speed", "pump-2/speed")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (" ramp_within_s: 600,", "", "expected both or neither"),
        ("dwell_on_s: 300", "dwell_on_s: 100000", "expected at most 86400"),
        ("starts_per_hour: 6", "starts_per_hour: 501", "less than or equal to 500"),
        ("move: pump-1/speed", "move: tank-1/level", "is no actuator"),
        ("after: tank-1/level", "after: pump-1/speed", "expected another tag"),
        (" min: 2.5,", "", "missing key `min` or `max`"),
        ("after: tank-1/level", "after: tank-1/levle", "is not in `tags:`"),
        ("[pump-1/speed, pump-2/speed]", "[pump-1/speed, pump-1/speed]", "listed twice"),
        (" max_sum: 1.5, starts_apart_s: 60", "", "expected `min_sum`"),
        ("max_sum: 1.5,", "max_sum: 1.5, min_sum: 2,", "at least min_sum"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    found = problems(tmp_path, changed(old, new, TWO))
    assert any(said in text for text in found), found


KEPT = changed(
    "starts_per_hour: 6,", "starts_per_hour: 6, reserve: 0.5, reserved_for: [console],", TWO
).replace("  - {id: actuator-1", "  - {id: console, kind: service}\n  - {id: actuator-1")


def test_what_is_kept_of_a_budget_and_for_whom(tmp_path: Path) -> None:
    limits = inventory.plant(loaded(tmp_path, KEPT)).tags["pump-1/speed"].limits
    assert limits is not None
    assert (limits.past.reserve, limits.past.reserved_for) == (0.5, ("console",))
    signed = safety.content(loaded(tmp_path, KEPT), b"p")["actuators"]["pump-1/speed"]["actuator"]
    assert (signed["reserve"], signed["reserved_for"]) == (0.5, ["console"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("reserve: 0.5", "reserve: 1", "less than 1"),
        ("reserve: 0.5, ", "", "`reserved_for` without `reserve`"),
        ("[console]", "[consol]", "`consol` is no principal"),
        ("[console]", "[edge-1]", "`edge-1` is an edge, expected a person or a service"),
        (
            "starts_per_hour: 6, reserve: 0.5",
            "starts_per_hour: 1, reserve: 0.5",
            "leaves nothing of",
        ),
        ("travel_per_hour: 4, starts_per_hour: 6,", "", "expected beside `travel_per_hour`"),
    ],
)
def test_a_reserve_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problems(tmp_path, changed(old, new, KEPT))
    assert any(said in text for text in found), found


def test_they_are_signed_and_what_is_not_declared_is_not_in_what_was_signed(tmp_path: Path) -> None:
    bare = safety.content(loaded(tmp_path), b"p")
    assert set(bare["actuators"]["pump-1/speed"]["actuator"]) == {
        *("class", "commanded_by", "min", "max", "rate"),
        *("interlock", "interlock_tags", "controlled"),
    }, "what was signed before these rules stays signed"
    assert {"sequence", "joint"} & set(bare) == set()
    part = safety.content(loaded(tmp_path, TWO), b"p")
    assert part["actuators"]["pump-1/speed"]["actuator"]["travel_per_hour"] == 4
    assert set(part["joint"]) == {"pumps"}
    assert part["sequence"]["level-first"]["for_s"] == 30
    looser = safety.content(loaded(tmp_path, changed("max_sum: 1.5", "max_sum: 1.6", TWO)), b"p")
    assert safety.digest(looser) != safety.digest(part)


CLAMPED = changed("class: A,", "class: B, on_excess: clamp,")


def test_what_goes_too_far_is_refused_or_clamped_and_a_class_a_never(tmp_path: Path) -> None:
    limits = inventory.plant(loaded(tmp_path, CLAMPED)).tags["pump-1/speed"].limits
    plain = inventory.plant(loaded(tmp_path)).tags["pump-1/speed"].limits
    assert limits is not None
    assert plain is not None
    assert (limits.clamps, plain.clamps) == (True, False)
    found = problems(tmp_path, changed("class: B, on_excess", "class: A, on_excess", CLAMPED))
    assert any("a class A command is never changed" in text for text in found), found
    found = problems(tmp_path, changed("on_excess: clamp", "on_excess: cut", CLAMPED))
    assert any("on_excess" in text for text in found), found


def test_clamping_is_signed_and_refusing_is_as_it_was(tmp_path: Path) -> None:
    told = safety.content(loaded(tmp_path, CLAMPED), b"p")["actuators"]["pump-1/speed"]["actuator"]
    assert told["on_excess"] == "clamp"
    plain = safety.content(loaded(tmp_path), b"p")["actuators"]["pump-1/speed"]["actuator"]
    assert "on_excess" not in plain
