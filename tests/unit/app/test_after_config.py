"""What a write must bring about and what comes of a deadline, in twin.yaml: what it becomes, what is refused, who signs it."""

from pathlib import Path

import pytest

from tests.unit.app.plants import changed, loaded, problems
from twinvouch.app import after_rules, build, inventory, safety
from twinvouch.app.yaml_file import canonical
from twinvouch.core.aftermath import Aftermath, Expected, OnFailure
from twinvouch.core.errors import ConfigError
from twinvouch.core.site import SECOND

SAID = (
    "class: A, default: 0.2, response_tag: tank-1/level, response_tolerance: 0.1, response_within_s: 30, "
    "response_factor: 2, response_offset: 1, on_failure: fall_back, deadline_s: 60, on_deadline: default,"
)
TEXT = changed("class: A,", SAID)


def test_what_is_said_of_an_actuator_becomes_its_aftermath(tmp_path: Path) -> None:
    config = loaded(tmp_path, TEXT)
    expected = Expected("tank-1/level", 0.1, 30 * SECOND, 2.0, 1.0, OnFailure.FALL_BACK)
    made = Aftermath(expected, 0.2, 60 * SECOND, is_default_taken=True)
    assert after_rules.aftermaths(config) == {"pump-1/speed": made}
    assert build.site(config).aftermaths == {"pump-1/speed": made}


def test_two_persons_sign_it_and_what_was_signed_without_it_stays_signed(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = safety.content(loaded(tmp_path / "plain"), b"")
    part = safety.content(loaded(tmp_path, TEXT), b"")
    lines = "\n".join(safety.difference(plain, part))
    for key in ("default", "response_tag", "on_failure", "deadline_s", "on_deadline"):
        assert f"+ actuators.pump-1/speed.actuator.{key}: " in lines
        assert key not in canonical(plain)
    assert "tank-1/level" in part["inputs"], "whoever moves its address decides what a response is"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("response_tag: tank-1/level, ", "", "without `response_tag`"),
        ("response_tag: tank-1/level", "response_tag: tank-1/levle", "is not in `tags:`"),
        (" response_within_s: 30,", "", "missing key `response_within_s`"),
        (" deadline_s: 60,", "", "`on_deadline` without `deadline_s`"),
        ("default: 0.2, ", "", "missing key `default`"),
        (
            "fall_back, deadline_s: 60, on_deadline: default",
            "roll_back",
            "nothing takes it",
        ),
        ("on_failure: fall_back", "on_failure: give_up", "roll_back"),
        ("response_tolerance: 0.1", "response_tolerance: 0", "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in TEXT
    found = problems(tmp_path, TEXT.replace(old, new))
    assert any(said in text for text in found), found


def test_a_default_that_can_never_be_written_is_refused(tmp_path: Path) -> None:
    config = loaded(tmp_path, TEXT.replace("default: 0.2", "default: 7"))
    with pytest.raises(ConfigError, match="outside its limits"):
        build.site(config)
    assert list(after_rules.unfit(inventory.plant(config), config))
