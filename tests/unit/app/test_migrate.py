"""config migrate: what is current, what is rewritten with its comments, what is a person's to decide, what is refused."""

import base64
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.app import test_actuator_config as actuator
from tests.unit.app.permits import CORE
from tests.unit.app.plants import GOOD, KEY_2, changed, write
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app import actuator_config, build, key_list, signing
from twinvouch.app.cli import cli
from twinvouch.app.migrate import Need, examine
from twinvouch.core.errors import UsageError
from twinvouch.core.keyring import KeyPurpose, KeyStatement, KeyVerb
from twinvouch.core.kind import Purpose
from twinvouch.wire.cose import seal
from twinvouch.wire.keys import write_key

ROOT = SeededSigner(b"\xaa" * 32)
READ_ONLY = GOOD.replace("actuator: {principal: actuator-1}\n", "").replace(
    "    actuator: {class: A, min: 0, max: 1, interlock: tank_1_level > 2.0, controlled: [tank-1/level]}\n", ""
)  # fmt: skip
SIGNERS = changed(
    f'  - {{id: anna, kind: person, key: "{KEY_2}", roles: [operator]}}',
    f'  - {{id: anna, kind: person, key: "{KEY_2}", roles: [safety-signer]}}\n'
    f'  - {{id: zoe, kind: person, key: "{base64.b64encode(CORE.public_key).decode()}", roles: [safety-signer]}}',
)  # fmt: skip
TLS = "tls: {ca: ca.crt, cert: a.crt, key: a.key}"


def verb(*args: object) -> Result:
    return CliRunner().invoke(cli, ["config", "migrate", *map(str, args)])


def refused(*args: object) -> Any:
    """The error of a file that cannot be used; its exit code is what the program ends with."""
    error: Any = verb(*args).exception
    return error


def needs(path: Path) -> list[str]:
    return [step.need.name for step in examine(path).steps]


def test_a_file_of_the_first_release_is_current_but_for_the_signatures() -> None:
    first = Path(__file__).parents[2] / "golden" / "v1" / "twin.yaml"
    found = examine(first)
    assert (found.diff, [s.need.name for s in found.steps]) == ("", ["PERSON", "NOTE", "NOTE"])
    assert "0 here: give the role" in found.steps[0].text


def test_a_plant_that_is_never_written_to_is_current(tmp_path: Path) -> None:
    path = write(tmp_path, READ_ONLY)
    answer = verb(path)
    assert (answer.exit_code, answer.output.splitlines()[-1]) == (0, f"{path} is current")
    assert answer.output.count("note: ") == 2
    assert needs(write(tmp_path, READ_ONLY + "disk: {reserve_mib: 16}\n")) == ["NOTE"]


def test_two_signers_have_still_to_sign_and_then_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, SIGNERS)
    (person, *_) = examine(path).steps
    assert (person.need, person.place.line) == (Need.PERSON, SIGNERS.count("\n"))
    assert "twinvouch config sign --by PERSON" in person.text
    assert verb(path).exit_code == 1
    config = build.load(path)
    monkeypatch.setattr(signing, "last_signed", lambda _: (1, signing.part_of(config)))
    assert verb(path).exit_code == 0


def test_http_beside_tls_is_rewritten_with_comments_and_only_when_told_to(tmp_path: Path) -> None:
    edge = f'edges: {{edge-1: {{groups: [fast], core: "http://127.0.0.1:8710", {TLS}}}}} # ours'
    text = changed("edges: {edge-1: {groups: [fast]}}", edge, READ_ONLY) + "# the end\n"
    path = write(tmp_path, text)
    told = verb(path)
    assert told.exit_code == 1
    assert "+" + edge.replace("http:", "https:") in told.output
    assert verb("--check", path).exit_code == 1
    assert "+edges" not in verb("--check", path).output
    assert path.read_text("utf-8") == text, "never without --write"
    path.chmod(0o640)
    assert verb("--write", path).exit_code == 0
    assert path.read_text("utf-8") == text.replace("http:", "https:")
    assert path.stat().st_mode & 0o777 == 0o640
    again = verb("--write", path)
    assert (again.exit_code, "rewrite" in again.output) == (0, False)
    assert verb("--check", "--write", path).exit_code == 2


def listed(folder: Path, purpose: KeyPurpose = KeyPurpose.PERMIT) -> str:
    """An actuator.yaml with a permit key beside a key list that says `purpose` of it."""
    said = KeyStatement(1, KeyVerb.TRUST, purpose, "permit", CORE.public_key, 0, 2**62)
    raw = seal(write_key(said, "net3"), signer=ROOT, plant="net3", purpose=Purpose.KEY)
    key_list.append(folder / "keys.list", [raw])
    root = base64.b64encode(ROOT.public_key).decode()
    both = f'{{root: "{root}", file: keys.list}}\ncore: '
    return changed("core: ", f"key_list: {both}", actuator.GOOD)


def test_a_permit_key_that_the_list_has_becomes_a_comment(tmp_path: Path) -> None:
    path = tmp_path / "actuator.yaml"
    path.write_text(listed(tmp_path), "utf-8")
    answer = verb("--write", path)
    assert (answer.exit_code, answer.output.splitlines()[-1]) == (0, f"{path} is current now")
    after = path.read_text("utf-8")
    assert "\n# permit_key: " in after
    config = actuator_config.load(path)
    assert (config.permit_key, config.key_list is not None) == (None, True)


@pytest.mark.parametrize("purpose", [KeyPurpose.LOG, None])
def test_a_permit_key_that_the_list_does_not_have_is_nobody_elses_to_drop(
    tmp_path: Path, purpose: KeyPurpose | None
) -> None:
    path = tmp_path / "actuator.yaml"
    path.write_text(listed(tmp_path, purpose or KeyPurpose.PERMIT), "utf-8")
    if purpose is None:
        (tmp_path / "keys.list").unlink()
    before = path.read_text("utf-8")
    error = refused("--write", path)
    assert (error.exit_code, "and not both" in str(error)) == (3, True)
    assert path.read_text("utf-8") == before


def test_an_actuator_with_one_key_for_ever_is_current_and_told(tmp_path: Path) -> None:
    path = tmp_path / "actuator.yaml"
    path.write_text(actuator.GOOD, "utf-8")
    assert (needs(path), verb(path).exit_code) == (["NOTE"], 0)
    path.write_text(changed("data: actuator", f"data: actuator\n{TLS}", actuator.GOOD), "utf-8")
    assert (needs(path), verb(path).exit_code) == (["REWRITE", "NOTE"], 1)
    assert verb(path, "--write").exit_code == 0
    assert actuator_config.load(path).core == "https://127.0.0.1:8710"


@pytest.mark.parametrize("text", [READ_ONLY, actuator.GOOD])
def test_a_later_version_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, changed("version: 1", "version: 2", text))
    error = refused(path)
    assert error.exit_code == 3
    assert str(error) == (
        f"{path}:1:10: version 2 is of a later release, this one reads version 1: use the release that wrote it"
    )


def test_a_file_with_another_mistake_is_invalid_at_its_place(tmp_path: Path) -> None:
    error = refused(write(tmp_path, changed("max_age_s: 5", "max_age: 5", READ_ONLY)))
    assert (error.exit_code, "did you mean `max_age_s`?" in str(error)) == (3, True)


def test_a_file_that_changes_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = f'edges: {{edge-1: {{groups: [fast], core: "http://127.0.0.1:8710", {TLS}}}}}'
    path = write(tmp_path, changed("edges: {edge-1: {groups: [fast]}}", edge, READ_ONLY))
    found = examine(path)
    path.write_text("# somebody else\n" + found.before, "utf-8")
    monkeypatch.setattr("twinvouch.app.migrate.examine", lambda _: found)
    error = refused("--write", path)
    assert isinstance(error, UsageError)
    assert path.read_text("utf-8").startswith("# somebody else")
