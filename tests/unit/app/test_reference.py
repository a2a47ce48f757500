"""docs/reference/configuration.md has a row for every setting, and only for settings."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from twinvouch.app.config_model import Config, _classes
from twinvouch.core import errors
from twinvouch.core.errors import TwinvouchError

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference"
PAGE = (DOCS / "configuration.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z_0-9]+)` \|", re.MULTILINE)


def models(model: type[BaseModel], name: str = "Top level") -> dict[str, type[BaseModel]]:
    """Every section by its heading: the keys `tags` and `tags.actuator` have one each."""
    found = {name: model}
    for key, field in model.model_fields.items():
        for inner in nested(field.annotation):
            found |= models(inner, f"{name}.{field.alias or key}".removeprefix("Top level."))
    return found


def nested(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in get_args(annotation) for m in nested(a)]


HEADINGS = {
    "tags.actuator": "### actuator of a tag",
    "groups.jitter": "### jitter of a group",
    "lookahead.tags": "### source of a model",
    "lookahead.watchdog": "### watchdog\n",
    "lookahead.watchdog.safe": "### safe action of a watchdog\n",
    "assets.safe_actions": "### safe action of an asset\n",
    "virtual.flows": "### flow of a virtual sensor\n",
    "virtual.flows.instead": "### instead of a meter\n",
    "virtual.without": "### without meters\n",
    "balance.terms": "### term of a balance",
    "tags.mqtt": "### mqtt of a tag",
    "edges.mqtt": "### mqtt of an edge",
    "edges.mqtt.tls": "`tls` of a device:",
    "devices.tls": "`tls` of a device:",
    "edges.tls": "`tls` of a device:",
    "witness.cosigners": "### cosigner\n",
    "api.tls": "### api.tls\n",
    "retention.holds": "### hold of the history\n",
}


@pytest.mark.parametrize(("name", "model"), models(Config).items())
def test_every_setting_has_a_row(name: str, model: type[BaseModel]) -> None:
    heading = HEADINGS.get(name, f"## {name}\n")
    assert heading in PAGE
    section = re.split(r"\n##", PAGE.split(heading, 1)[1])[0].split("`tls` of a device:")[0]
    assert ROW.findall(section) == [f.alias or key for key, f in model.model_fields.items()]


def test_class_defaults_are_as_written() -> None:
    section = PAGE.split("## command_classes")[1].split("\n## ")[0]
    for key in ("identity", "plausibility", "approvals", "max_age_s", "hold_s"):
        row = next(line for line in section.splitlines() if line.startswith(f"| `{key}` |"))
        written = [float(cell) for cell in row.split("|")[2:5]]
        assert written == [getattr(rule, key) for rule in _classes().values()]


@pytest.mark.parametrize(
    "name", ["readings", "commands", "groups", "edges", "devices", "retention", "lookahead"]
)
def test_number_defaults_are_as_written(name: str) -> None:
    model = models(Config)[name]
    section = PAGE.split(f"## {name}\n")[1].split("\n## ")[0]
    for key, field in model.model_fields.items():
        if isinstance(field.default, int | float):
            row = next(line for line in section.splitlines() if line.startswith(f"| `{key}` |"))
            assert float(row.split("|")[2]) == field.default


def test_every_exit_code_has_a_row() -> None:
    page = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    codes = {
        e.exit_code
        for e in vars(errors).values()
        if isinstance(e, type) and issubclass(e, TwinvouchError)
    }
    for code in {0, *codes}:
        assert f"\n| {code} |" in page
