"""The JSON Schemas for editors: those of the models, every setting described, every example fits, mistakes do not."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from tests import schema
from tests.unit.app.plants import GOOD, changed, problems
from twinvouch.app import cli, starter
from twinvouch.app.yaml_file import parse
from twinvouch.app.yaml_tree import plain

ROOT = Path(__file__).resolve().parents[3]


def validator(name: str) -> Draft202012Validator:
    told = json.loads(starter.schema(name))
    Draft202012Validator.check_schema(told)
    return Draft202012Validator(told)


def errors(name: str, text: str) -> list[str]:
    data = plain(parse(text, "x.yaml").root)
    return [e.message for e in validator(name).iter_errors(data)]


def settings(told: Any) -> set[tuple[str, str]]:
    """Every setting of a schema, by its section."""
    parts = {"": told, **told.get("$defs", {})}
    return {(part, key) for part, section in parts.items() for key in section.get("properties", {})}


@pytest.mark.parametrize("name", schema.CONFIGS)
def test_the_schema_knows_no_setting_that_the_models_do_not(name: str) -> None:
    """That it knows every setting, word for word, is what CI compares (`tests.schema --check`)."""
    made, kept = schema.schema(name), json.loads(starter.schema(name))
    assert settings(kept) - settings(made) == set(), "run `python -m tests.schema`"
    linked = ROOT / "docs" / "reference" / f"{name}.schema.json"
    assert linked.resolve() == schema.file(name)


@pytest.mark.parametrize("name", schema.CONFIGS)
def test_every_setting_is_described(name: str) -> None:
    told = json.loads(starter.schema(name))
    parts = {"": told, **told["$defs"]}
    silent = [
        f"{part}.{key}"
        for part, section in parts.items()
        for key, setting in section.get("properties", {}).items()
        if not setting.get("description")
    ]
    assert silent == [], "fill its row in the reference, then `python -m tests.schema`"


def examples() -> list[Path]:
    found = [
        p
        for pattern in ("examples/**/*.yaml", "tests/golden/**/twin.yaml")
        for p in ROOT.glob(pattern)
    ]
    return [*found, ROOT / "src" / "twinvouch" / "app" / "starter.yaml"]


@pytest.mark.parametrize("path", examples(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_example_fits_the_schema(path: Path) -> None:
    assert errors("twin", path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        starter.template("p"),
        changed("devices: {", "conduits:\nX: {")
        .replace("\nX: {", "\ndevices: {")
        .replace("conduits: [{from: field, to: control, protocols: [modbus]}]\n", ""),
    ],
)
def test_good_configurations_fit_the_schema(text: str) -> None:
    assert errors("twin", text) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rate: 0.5", "rat: 0.5", "'rat' was unexpected"),
        ("kind: edge", "kind: edg", "'edg' is not one of"),
        ("{id: net3}", "{id: net 3}", "does not match"),
        ("max_age_s: 5", "max_age_s: 'x'", "is not of type 'number'"),
        ("version: 1", "version: 2", "1 was expected"),
    ],
)
def test_what_an_editor_can_see_is_marked(old: str, new: str, says: str) -> None:
    found = errors("twin", changed(old, new))
    assert any(says in message for message in found), found


def actuator_page() -> str:
    page = (ROOT / "docs" / "tutorial" / "protect-a-tank.md").read_text("utf-8")
    block = page[page.index("    version: 1\n    plant: water\n    principal") :].split("\n\n")[0]
    return "".join(line[4:] + "\n" for line in block.splitlines())


def test_the_actuator_of_the_tutorial_fits_its_schema() -> None:
    assert errors("actuator", actuator_page()) == []
    assert errors("actuator", actuator_page().replace("max:", "most:")) != []


@pytest.mark.parametrize("name", schema.CONFIGS)
def test_the_verb_prints_it(name: str) -> None:
    answer = CliRunner().invoke(cli.cli, ["config", "schema", name])
    assert (answer.exit_code, answer.output) == (0, starter.schema(name))


def test_a_new_configuration_names_its_schema_in_the_first_line(tmp_path: Path) -> None:
    starter.write(tmp_path, starter.template("p"))
    first = (tmp_path / "twin.yaml").read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=twin.schema.json"
    assert (tmp_path / "twin.schema.json").read_text("utf-8") == starter.schema("twin")


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("rate: 0.5", "rat: 0.5", "rate"),
        ("kind: person", "kind: persn", "person"),
        ("roles: [operator]", "roles: [operater]", "operator"),
        ("controlled: [tank-1/level]", "controlled: [tank-1/levl]", "tank-1/level"),
        (
            "range: [0, 10], rate: 0.5, group: fast",
            "range: [0, 10], rate: 0.5, group: fats",
            "fast",
        ),
        ("interlock: tank_1_level > 2.0", "interlock: tank_1_lvel > 2.0", "tank_1_level"),
        ("table: holding,\n", "table: holdin,\n", "holding"),
    ],
)
def test_what_was_meant_is_asked(tmp_path: Path, old: str, new: str, meant: str) -> None:
    found = problems(tmp_path, changed(old, new))
    assert any(f"did you mean `{meant}`?" in text for text in found), found


def said(*args: str) -> Any:
    return CliRunner().invoke(cli.cli, list(args)).output


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        (("stauts",), "status"),
        (("comands", "list"), "commands"),
        (("commands", "aprove"), "approve"),
        (("check", "--jsno"), "--json"),
    ],
)
def test_a_verb_that_is_none_is_told_what_may_have_been_meant(
    args: tuple[str, ...], meant: str
) -> None:
    assert "Did you mean" in said(*args)
    assert meant in said(*args)
