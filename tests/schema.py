"""JSON Schemas of the configurations, with what the reference says as descriptions.

`python -m tests.schema` writes (CI: `--check` compares) src/twinvouch/app/schema/*.schema.json, which `twinvouch config schema` prints and
docs/reference links to. A setting is described where it is documented and nowhere else.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from twinvouch.app.actuator_config import ActuatorConfig
from twinvouch.app.config_model import Config

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
FOLDER = ROOT / "src" / "twinvouch" / "app" / "schema"
CONFIGS: dict[str, tuple[type[BaseModel], str]] = {
    "twin": (Config, "configuration.md"),
    "actuator": (ActuatorConfig, "actuator.md"),
}
ROW = re.compile(r"^\| (`[a-z_0-9`, ]+`) \|(.*)\|$", re.MULTILINE)


def rows(page: str) -> Iterator[tuple[str, str]]:
    """Every setting of a page's tables with its meaning, in order; `a`, `b` in one cell share it."""
    for names, cells in ROW.findall(page):
        meaning = re.split(r"(?<!\\)\|", cells)[-1].strip().replace("\\|", "|")
        for name in re.findall(r"`([a-z_0-9]+)`", names):
            yield name, re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", meaning)


def sections(page: str) -> list[dict[str, str]]:
    """One table after the other."""
    parts = re.split(r"^\|(?:-+\|)+$", page, flags=re.MULTILINE)[1:]
    return [dict(rows(part)) for part in parts]


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and all models in it."""
    yield model
    for field in model.model_fields.values():
        yield from (m for inner in _nested(field.annotation) for m in models(inner))


def _nested(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in get_args(annotation) for m in _nested(a)]


def keys(model: type[BaseModel]) -> set[str]:
    return {f.alias or name for name, f in model.model_fields.items()}


def meanings(model: type[BaseModel], tables: list[dict[str, str]]) -> dict[str, str]:
    """What the table of this model says: the one that has most of its keys and least besides."""
    wanted = keys(model)
    best = max(tables, key=lambda t: (len(wanted & t.keys()), -len(t.keys() - wanted)))
    return {name: text for name, text in best.items() if name in wanted}


def schema(name: str) -> dict[str, Any]:
    """The schema of one configuration."""
    model, page = CONFIGS[name]
    made = model.model_json_schema(by_alias=True, mode="validation")
    tables = [
        t for p in (page, "configuration.md") for t in sections((REFERENCE / p).read_text("utf-8"))
    ]
    described = {m.__name__: meanings(m, tables) for m in models(model)}
    for title, part in (*made.get("$defs", {}).items(), (model.__name__, made)):
        for key, setting in part.get("properties", {}).items():
            if text := described.get(title, {}).get(key):
                setting["description"] = text
            setting.pop("title", None)
        part.pop("title", None)
    required = set(made.get("required", ()))
    for key, setting in made["properties"].items():
        if key not in required:  # a section with nothing under it counts as left out
            made["properties"][key] = _or_nothing(setting)
    _close(made)
    title = f"{name}.yaml of twinvouch"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}


def _or_nothing(setting: dict[str, Any]) -> dict[str, Any]:
    """The setting, or null; said so that a mistake inside is told where it is, if that is possible."""
    if "type" in setting:
        return {**setting, "type": [setting["type"], "null"]}
    if "anyOf" in setting:
        return setting  # of our optional settings, which have null among them
    told = {k: setting[k] for k in ("description", "default") if k in setting}
    return {"anyOf": [{"$ref": setting["$ref"]}, {"type": "null"}], **told}


def _close(part: Any) -> None:
    """Where keys have a shape, no key of another shape is allowed."""
    if isinstance(part, dict):
        if "patternProperties" in part:
            part["additionalProperties"] = False
        for inner in part.values():
            _close(inner)


def text(name: str) -> str:
    return json.dumps(schema(name), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def file(name: str) -> Path:
    return FOLDER / f"{name}.schema.json"


if __name__ == "__main__":
    stale = [one for one in CONFIGS if file(one).read_text("utf-8") != text(one)]
    if "--check" in sys.argv and stale:
        sys.exit(f"{', '.join(stale)}: not what the models say; run `python -m tests.schema`")
    for one in stale:
        file(one).write_text(text(one), "utf-8")
