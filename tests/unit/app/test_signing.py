"""`twinvouch config show|sign` from the outside, and what belongs to the safety part."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from tests.unit.app.test_cli_config import call
from twinvouch.adapters.keys import SeededSigner
from twinvouch.app import build, run, safety, signing
from twinvouch.app.core import Core
from twinvouch.app.inventory import plant as plant_of
from twinvouch.core.errors import ConfigError
from twinvouch.engine import Engine
from twinvouch.engine.withholding import withheld


@pytest.fixture
def config(tmp_path: Path) -> Path:
    call("init", tmp_path, "--plant", "net3")
    for person in ("ann", "bob"):
        call(
            "principals", "add", person, "--kind", "person", "--role", "safety-signer",
            "--config", tmp_path / "twin.yaml",
        )  # fmt: skip
    return tmp_path / "twin.yaml"


def sign(config: Path, person: str, *more: object, code: int = 0) -> str:
    return call(
        "config", "sign", "--by", person, "--yes", "--config", config, *more, code=code
    ).output


def shown(config: Path) -> dict[str, Any]:
    said = call("config", "show", "--safety", "--json", "--config", config).output
    found: dict[str, Any] = json.loads(said)
    return found


def test_two_persons_sign_and_the_next_change_is_shown(config: Path) -> None:
    assert shown(config)["number"] == 0
    assert "never signed" in sign(config, "ann")
    assert "as number 1" in sign(config, "bob")
    assert (shown(config)["number"], shown(config)["changed"]) == (1, [])
    config.write_text(config.read_text().replace("max: 110", "max: 120"))
    assert shown(config)["changed"] == [
        "- actuators.pump-1/speed.actuator.max: 110.0",
        "+ actuators.pump-1/speed.actuator.max: 120.0",
    ]
    said = sign(config, "ann")
    assert "max: 120.0" in said
    assert "as number 2" in said
    assert "number 2" in sign(config, "bob")
    assert "signed already" in sign(config, "bob", code=2)


def test_what_was_signed_and_never_used_does_not_stand_in_the_way(config: Path) -> None:
    """Signed, changed before any core ran, signed again: the core takes the second."""
    for _ in range(2):
        sign(config, "ann")
        sign(config, "bob")
        config.write_text(config.read_text().replace("max: 110", "max: 111"))
    loaded = build.load(config)
    site = run.live_site(loaded, None)
    core = Core(Engine(site), build.stores(loaded), lambda _: None, config.parent / "models")
    core.start()
    try:
        run.tell_what_was_said(core, loaded)
        assert (core.engine.memory.signed.number, withheld(core.engine.memory)) == (2, ())
    finally:
        core.stop()


def test_who_changes_his_mind_is_asked(config: Path) -> None:
    call("config", "sign", "--by", "ann", "--config", config, code=130)
    assert not config.with_suffix(".signed.json").exists()
    assert "edge-1" in call("config", "show", "--config", config).output


def test_a_file_that_is_none_is_an_error(config: Path) -> None:
    for text in ("", "[]", '{"statements": ["?"], "parts": {}}', '{"parts": {}}'):
        config.with_suffix(".signed.json").write_text(text)
        with pytest.raises(ConfigError, match="no file of signatures"):
            signing.load(build.load(config))


def test_a_part_is_shown_only_under_its_own_digest(config: Path) -> None:
    sign(config, "ann")
    sign(config, "bob")
    path = config.with_suffix(".signed.json")
    path.write_text(path.read_text().replace('"max": 110.0', '"max": 90.0'))
    number, part = signing.last_signed(build.load(config))
    assert (number, part) == (1, None)


def test_nobody_hides_a_change_behind_what_he_says_was_signed(config: Path) -> None:
    """Who can write both files: the dangerous limit is in what was `signed last`, and a harmless change is shown."""
    sign(config, "ann")
    sign(config, "bob")
    config.write_text(config.read_text().replace("max: 110", "max: 200"))
    loaded = build.load(config)
    thief = SeededSigner(b"t" * 32)
    for person in ("ann", "bob"):
        signing.sign(loaded, (person, thief), signing.part_of(loaded), 2)
    config.write_text(config.read_text().replace("scale: 0.1", "scale: 0.2"))
    said = sign(config, "ann", "--number", "2")
    assert "max: 200.0" in said
    assert "changed since number 1" in said


def test_what_was_shown_is_signed_though_the_policy_changed_while_it_was_read(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = config.parent / "own.cedar"
    policy.write_text("permit (principal, action, resource);\n")
    config.write_text(config.read_text() + "\npolicy: own.cedar\n")
    digest = safety.digest(signing.part_of(build.load(config)))

    def confirmed(*_: object, **__: object) -> bool:
        policy.write_text("permit (principal, action, resource) when { true };\n")
        return True

    monkeypatch.setattr(click, "confirm", confirmed)
    assert digest.hex() in call("config", "sign", "--by", "ann", "--config", config).output


def test_nothing_in_what_is_signed_moves_the_cursor(config: Path) -> None:
    text = config.read_text()
    config.write_text(text.replace("tank_1_level > 0.5", "tank_1_level > 0.5 // \u202e", 1))
    said = call("config", "show", "--safety", "--config", config).output
    assert "\\u202e" in said
    assert "\u202e" not in said


CHANGES: dict[str, Callable[[str], str]] = {
    "limit": lambda text: text.replace("max: 110", "max: 111"),
    "interlock": lambda text: text.replace("tank_1_level > 0.5", "tank_1_level > 0.4"),
    "place": lambda text: text.replace("    scale: 0.1", "    scale: 0.2"),
    "device": lambda text: text.replace("port: 5020", "port: 502"),
    "required trust": lambda text: text.replace("A: {identity: 100", "A: {identity: 90"),
    "role": lambda text: text.replace("roles: [safety-signer]", "roles: [safety-signer, admin]", 1),
    "principal": lambda text: text.replace("  - id: actuator-1", "  - id: x\n    kind: service\n  - id: actuator-1"),
    "trust in an edge": lambda text: text.replace("{groups: [fast],", "{groups: [fast], identity_cap: 250,"),
    "age of an input": lambda text: text.replace("max_age_s: 5}", "max_age_s: 50}", 1),
    "range of an input": lambda text: text.replace("range: [0, 10]", "range: [0, 100]"),
    "calibration of an input": lambda text: text.replace("2026-01-31", "2026-02-01"),
    "settings of the gate": lambda text: text + "\ncommands: {permit_s: 9}\n",
    "policy": lambda text: text + "\npolicy: own.cedar\n",
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_makes_a_command_dangerous_is_signed(config: Path, name: str) -> None:
    (config.parent / "own.cedar").write_text("permit (principal, action, resource);\n")
    before = config.read_text()
    digest = safety.digest(signing.part_of(build.load(config)))
    config.write_text(CHANGES[name](before))
    assert config.read_text() != before
    assert safety.digest(signing.part_of(build.load(config))) != digest


@pytest.mark.parametrize(
    ("old", "new"),
    [("one tank and one pump", "our tank"), ("port: 8710,", "port: 8711,"), ("segments_days: 30", "segments_days: 9")],
)  # fmt: skip
def test_the_rest_needs_nobody(config: Path, old: str, new: str) -> None:
    digest = safety.digest(signing.part_of(build.load(config)))
    changed = config.read_text().replace(old, new)
    assert changed != config.read_text()
    config.write_text(changed)
    assert safety.digest(signing.part_of(build.load(config))) == digest


def test_a_core_that_starts_reads_the_file_and_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    call("init", tmp_path, "--plant", "net3")
    path = tmp_path / "twin.yaml"
    for person in ("signer-1", "signer-2"):
        call(
            "principals",
            "add",
            person,
            "--kind",
            "person",
            "--role",
            "safety-signer",
            "--config",
            path,
        )
    for person in ("signer-1", "signer-2"):
        sign(path, person)
    config = build.load(path)
    site = run.live_site(config, None)
    assert site.safety is not None
    assert set(site.safety.signers) == {"signer-1", "signer-2"}
    core = Core(Engine(site), build.stores(config), lambda _: None, tmp_path / "models")
    core.start()
    try:
        run.tell_what_was_said(core, config)
        assert core.engine.memory.signed.number == 1
        assert withheld(core.engine.memory) == ()
        assert "NO PERMITS" not in caplog.text
    finally:
        core.stop()
    path.write_text(path.read_text().replace("max: 110", "max: 111"))
    config = build.load(path)
    core = Core(
        Engine(run.live_site(config, None)),
        build.stores(config),
        lambda _: None,
        tmp_path / "models",
    )
    core.start()
    try:
        run.tell_what_was_said(core, config)
        assert "NO PERMITS: what this core runs with" in caplog.text
        assert withheld(core.engine.memory)[0][0] == "config_signed"
    finally:
        core.stop()


def test_a_plant_that_is_never_written_to_asks_nobody(config: Path) -> None:
    text = config.read_text()
    before, _, after = text.partition("actuator:                         #")
    config.write_text(before + after.partition("\n\n")[2])
    loaded = build.load(config)
    assert loaded.actuator is None
    assert safety.of(loaded, plant_of(loaded), b"p" * 32) is None


def test_a_signature_of_somebody_who_may_not_sign_makes_nothing_complete(config: Path) -> None:
    sign(config, "ann")
    sign(config, "bob")
    role = ("--kind", "person", "--role", "safety-signer")
    call("principals", "add", "cid", *role, "--config", config)
    assert "as number 2" in sign(config, "cid")
    assert "as number 2" in sign(config, "ann")
    assert signing.last_signed(build.load(config))[0] == 1, "cid is a signer from number 3 on"
    assert "as number 2" in sign(config, "bob")
    assert signing.last_signed(build.load(config))[0] == 2
    config.write_text(config.read_text().replace("max: 110", "max: 111"))
    assert "as number 3" in sign(config, "cid")
    sign(config, "ann")
    assert signing.last_signed(build.load(config))[0] == 3
