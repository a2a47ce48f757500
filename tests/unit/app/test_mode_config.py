"""`modes:` and `highest_mode`: what they become, what is refused, and that two persons sign what departs from the usual."""

from pathlib import Path

import pytest

from tests.unit.app.plants import GOOD, changed, loaded, problems
from twinvouch.app import inventory, safety
from twinvouch.core.inventory import CommandClass
from twinvouch.core.mode import ModeRules, Rung
from twinvouch.core.site import SECOND

SAID = changed("pump-1: {zone: field}", "pump-1: {zone: field, highest_mode: autonomous}") + (
    "modes: {dwell_s: 60, autonomous_classes: [B], autonomous_hours: 2, step_down_on_distrust: [A], return_s: 30,"
    " on_key_misuse: 3, break_glass_minutes: 5}\n"
)


def test_what_is_configured_becomes_the_rules(tmp_path: Path) -> None:
    assert inventory.mode_rules(loaded(tmp_path, SAID)) == ModeRules(
        dwell_ns=60 * SECOND,
        autonomous_ns=7200 * SECOND,
        autonomous_classes=frozenset({CommandClass.B}),
        on_distrust=frozenset({CommandClass.A}),
        return_ns=30 * SECOND,
        misuses=3,
        glass_ns=300 * SECOND,
        highest={"pump-1": Rung.AUTONOMOUS},
    )
    assert inventory.mode_rules(loaded(tmp_path)) == ModeRules(), "the defaults of both are one"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[B]", "[A]", "autonomous_classes"),
        ("highest_mode: autonomous", "highest_mode: free", "highest_mode"),
        ("autonomous_hours: 2", "autonomous_hours: 0", "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problems(tmp_path, changed(old, new, SAID))
    assert any(said in text for text in found), found


def test_it_is_signed_where_it_departs_from_the_usual(tmp_path: Path) -> None:
    assert {"modes", "highest_mode"} & set(safety.content(loaded(tmp_path, GOOD), b"p")) == set()
    part = safety.content(loaded(tmp_path, SAID), b"p")
    assert part["highest_mode"] == {"pump-1": "autonomous"}
    assert part["modes"]["autonomous_classes"] == ["B"]
