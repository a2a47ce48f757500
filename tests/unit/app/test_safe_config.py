"""`safe_actions` of an asset: what they become, what is refused, that two persons sign them, and their place in the inbox."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import PLANT, make_site, signer
from tests.unit.app.plants import GOOD, changed, loaded, problems
from twinvouch.app import build, safe_rules, safety
from twinvouch.app.api.lane import lane
from twinvouch.core.command import Command
from twinvouch.core.errors import ConfigError
from twinvouch.core.event import Priority
from twinvouch.core.kind import Purpose
from twinvouch.core.safe import Safe
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal

SAID = changed(
    "pump-1: {zone: field}",
    'pump-1: {zone: field, safe_actions: [{tag: pump-1/speed, value: 0.0, per_hour: 3, windows: ["22:00-05:30"]}]}',
)


def test_what_is_listed_becomes_the_rules_and_each_list_has_a_digest(tmp_path: Path) -> None:
    (safe,) = build.site(loaded(tmp_path, SAID)).safe["pump-1/speed"]
    assert safe == Safe("pump-1", "pump-1/speed", 0.0, 3, ((79_200, 19_800),), safe.digest)
    other = changed("per_hour: 3", "per_hour: 4", SAID)
    assert safe_rules.safe(loaded(tmp_path, other))["pump-1/speed"][0].digest != safe.digest
    assert build.site(loaded(tmp_path)).safe == {}


def test_whom_it_is_for_is_part_of_the_list_and_of_its_digest(tmp_path: Path) -> None:
    named = changed("per_hour: 3", "per_hour: 3, by: [actuator-1]", SAID)
    (safe,) = build.site(loaded(tmp_path, named)).safe["pump-1/speed"]
    (before,) = safe_rules.safe(loaded(tmp_path, SAID))["pump-1/speed"]
    assert (safe.by, before.by) == (("actuator-1",), ())
    assert safe.digest != before.digest
    nobody = changed("per_hour: 3", "per_hour: 3, by: []", SAID)
    assert safe_rules.safe(loaded(tmp_path, nobody))["pump-1/speed"] == (before,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tag: pump-1/speed, value", "tag: pump-1/sped, value", "did you mean `pump-1/speed`?"),
        ("tag: pump-1/speed, value", "tag: tank-1/level, value", "is no actuator"),
        ("tag: pump-1/speed, value", "tag: tank-1/level, value", "is no tag of `pump-1`"),
        ("value: 0.0", "value: 99999.0", "expected inside the limits"),
        ("per_hour: 3", "per_hour: 0", "per_hour"),
        ("per_hour: 3", "per_hour: 61", "per_hour"),
        ("per_hour: 3", "per_hour: 3, by: [nobody]", "`nobody` is no principal"),
        ("per_hour: 3", "per_hour: 3, by: [edge-1]", "`edge-1` is an edge"),
        ("22:00-05:30", "22:00", "a window of the UTC day"),
        ("22:00-05:30", "22:00-24:30", "a window of the UTC day"),
        ("22:00-05:30", "2:00-05:30", "a window of the UTC day"),
        ("22:00-05:30", "05:30-05:30", "two different times"),
        ("class: A,", "class: A, commanded_by: plant,", "the plant's own control only"),
        (
            "safe_actions: [",
            "safe_actions: [{tag: pump-1/speed, value: 0.0}, ",
            "is listed twice",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problems(tmp_path, changed(old, new, SAID))
    assert any(said in text for text in found), found


def test_a_value_that_the_register_cannot_hold_is_refused(tmp_path: Path) -> None:
    text = changed("min: 0,", "min: 0.2,", changed("value: 0.0", "value: 0.25", SAID))
    config = loaded(tmp_path, text)  # the register would hold 0
    with pytest.raises(ConfigError, match="does not fit its register"):
        build.site(config)


def test_it_is_signed_by_two_persons(tmp_path: Path) -> None:
    assert "safe_actions" not in safety.content(loaded(tmp_path, GOOD), b"p")
    part = safety.content(loaded(tmp_path, SAID), b"p")
    assert part["safe_actions"]["pump-1"][0]["value"] == 0.0
    wider = safety.content(loaded(tmp_path, changed("per_hour: 3", "per_hour: 9", SAID)), b"p")
    assert safety.digest(part) != safety.digest(wider)


def sealed(value: float, **but: Any) -> bytes:
    command = Command("ab" * 16, "twin", "pump/run", value, "1", 1)
    raw = write_command(command, but.get("plant", PLANT))
    return seal(raw, signer=signer("twin"), plant=PLANT, purpose=Purpose.COMMAND)


def test_a_listed_action_goes_before_all_other_commands() -> None:
    plain = make_site()
    listed = replace(plain, safe={"pump/run": (Safe("pump", "pump/run", 0.0, 1),)})
    assert lane(sealed(0.0), listed, is_sealed=True) is Priority.SAFE
    assert lane(sealed(1.0), listed, is_sealed=True) is Priority.COMMAND
    assert lane(sealed(0.0), plain, is_sealed=True) is Priority.COMMAND
    assert lane(sealed(0.0, plant="other"), listed, is_sealed=True) is Priority.COMMAND
    for junk in (b"", b"\xff" * 200, sealed(0.0)[:-1]):
        assert lane(junk, listed, is_sealed=True) is Priority.COMMAND
    content = write_command(Command("ab" * 16, "twin", "pump/run", 0.0, "1", 1), PLANT)
    assert lane(content, listed, is_sealed=False) is Priority.SAFE
