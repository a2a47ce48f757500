"""The docs say everything there is: every setting, rule, verb, route and claim; and no link leads nowhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from tests import openapi
from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.app.cli import VERBS, cli
from twinvouch.app.config_model import Config

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PAGES = [
    p
    for p in sorted(ROOT.rglob("*.md"))
    if not {".venv", ".pytest_cache", ".hypothesis", "node_modules"} & set(p.parts)
]


def text(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def words_of(page: str) -> set[str]:
    """Headings and first cells of table rows: where a reader looks a name up."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    cells = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    told = [*headings, *(name for cell in cells for name in re.split(r"[,\s]+", cell))]
    return {name.strip(" `") for name in told}


LOOKED_UP = {p.name: words_of(p.read_text("utf-8")) for p in REFERENCE.glob("*.md")}
ANYWHERE = set().union(*LOOKED_UP.values())


def settings(model: type[BaseModel]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        yield field.alias or key
        for inner in _nested(field.annotation):
            yield from settings(inner)


def _nested(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _nested(argument)


def test_every_setting_is_looked_up_on_its_page() -> None:
    assert set(settings(Config)) - LOOKED_UP["configuration.md"] == set()
    named = set(re.findall(r"`?([a-z_0-9]+)`?", text("actuator.md")))
    assert set(settings(ActuatorConfig)) - named == set()


def rules() -> dict[str, str]:
    """Every name that a Finding or a Reason can have, and where: constants, NAME, NAMES and TECHNIQUES."""
    found: dict[str, str] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for name in _named(node):
                found[name] = path.name
    return found


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        makes = node.func.id in {"Finding", "Reason", "_finding", "_refused"}
        return _texts(node.args[:1]) if makes else []
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        if node.targets[0].id == "NAME":
            return _texts([node.value])
        if node.targets[0].id == "NAMES" and isinstance(node.value, ast.Tuple):
            return _texts(node.value.elts)
        if node.targets[0].id == "TECHNIQUES" and isinstance(node.value, ast.Dict):
            return _texts(node.value.keys)
    return []


def _texts(nodes: Any) -> list[str]:
    return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def test_every_rule_is_looked_up_on_a_page() -> None:
    names = {name for name in rules() if re.fullmatch(r"[a-z]+(_[a-z]+)*", name)}
    assert {"range", "chain", "label", "model_files", "no_outcome", "statement"} <= names
    assert {name: rules()[name] for name in names - ANYWHERE} == {}


def verbs() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        found[f"twinvouch {verb}"] = command
        if isinstance(command, click.Group):
            found |= {f"twinvouch {verb} {n}": c for n, c in command.commands.items()}
    return found


def section(page: str, heading: str) -> str:
    parts = re.split(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_verb_has_a_heading_with_its_options_an_example_and_its_exit_codes(verb: str) -> None:
    command, said = verbs()[verb], section(text("cli.md"), verb)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert f"{parameter.opts[0]}" in said, parameter.opts
    if not isinstance(command, click.Group):
        assert f"    {verb}" in said, "an example"
        assert "*Exit:* 0" in said


def test_no_heading_is_about_a_verb_that_is_none() -> None:
    headings = re.findall(r"^#+ (twinvouch .+)$", text("cli.md"), re.MULTILINE)
    assert sorted(headings) == sorted(verbs())


def test_every_route_has_a_heading() -> None:
    routes = {
        f"{method.upper()} {path}"
        for path, methods in openapi.openapi()["paths"].items()
        for method in methods
    }
    headings = re.findall(r"^### ((?:GET|POST) .+)$", text("api.md"), re.MULTILINE)
    assert set(headings) == routes
    assert len(headings) == len(routes)


def test_the_description_of_the_api_is_that_of_the_code() -> None:
    assert openapi.PAGE.read_text("utf-8") == openapi.text(), "run `python -m tests.openapi`"


def named_by_claim() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and (m := re.match(r"test_(c\d\d)_", node.name)):
                found.setdefault(m[1].upper(), []).append(f"{path.name}:{node.name}")
    return found


def test_every_claim_of_the_threat_model_has_a_test_of_its_number() -> None:
    page = (ROOT / "docs" / "explanation" / "threat-model.md").read_text("utf-8")
    claims = re.findall(r"\*\*(C\d\d)\*\*", page)
    assert sorted(claims) == [f"C{n:02}" for n in range(1, len(claims) + 1)]
    assert len(claims) >= 30, "a claim is taken back in words, never dropped"
    assert set(claims) - set(named_by_claim()) == set()
    assert set(named_by_claim()) - set(claims) == set(), "a test of a claim that nobody makes"


def anchors(page: Path) -> set[str]:
    """Headings as a web view of the repository names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_link_leads_nowhere(page: Path) -> None:
    prose = re.sub(
        r"^(```.*?^```|    .*?)$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {target}"
        assert there.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(there), f"{page.name} links to {target}"


def test_every_page_of_the_reference_and_every_decision_is_numbered_and_reached() -> None:
    numbers = [int(p.name[:4]) for p in sorted((ROOT / "docs" / "adr").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 16
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    }
    assert {p.name for p in REFERENCE.glob("*.md") if p.resolve() not in linked} == set()
