"""`twinvouch init`: the text of a new twin.yaml, and writing it without ever overwriting one."""

import json
import os
import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from twinvouch.app import starter_csv
from twinvouch.app.config import from_document
from twinvouch.app.config_checks import token_option
from twinvouch.app.config_model import Config
from twinvouch.app.problems import shown
from twinvouch.app.starter_csv import CsvChoices, Seen
from twinvouch.app.yaml_file import parse
from twinvouch.core.errors import UsageError

EDGE = "edge-1"
GROUP = "scan"
ROWS_PER_BATCH = 16
MAX_AGE_PERIODS = 20  # more than a batch gathers


SCHEMA = "twin.schema.json"  # beside twin.yaml, for editors
FOR_EDITORS = f"# yaml-language-server: $schema={SCHEMA}"


def template(plant: str) -> str:
    """The commented starter."""
    text = files("twinvouch.app").joinpath("starter.yaml").read_text(encoding="utf-8")
    return f"{FOR_EDITORS}\n{text.replace('PLANT_ID', plant)}"


def schema(name: str) -> str:
    """The JSON Schema of `twin` or `actuator` as it comes with this release."""
    file = files("twinvouch.app").joinpath("schema", f"{name}.schema.json")
    return file.read_text(encoding="utf-8")


def from_csv(path: Path, plant: str, choices: CsvChoices) -> str:
    """A twin.yaml whose tags are the columns of a CSV; a replay of files like it runs with it."""
    seen = starter_csv.look(path, choices)
    ids = starter_csv.tag_ids([c.name for c in seen.columns], plant)
    period = seen.period_s
    assets = sorted({tag.partition("/")[0] for tag in ids.values()})
    lines = [
        FOR_EDITORS,
        f"# Made by `twinvouch init --from-csv` from {shown(path.name)}:",
        f"# {len(seen.t_ns)} rows, {len(seen.columns)} tags.",
        "# Ranges and rates are what the file showed and a margin: correct them to what is possible.",
        "version: 1",
        f"plant: {{id: {_q(plant)}, origin: replay}}",
        "data: data                        # log, state and ledger; relative to this file",
        "keys: keys                        # private keys and tokens, 0600",
        "",
        "replay:                           # how the CSV files of this plant are written",
        *_replay(seen, choices),
        "",
        "zones: {field: {level: 1}}",
        "assets:",
        *(f"  {_q(a)}: {{zone: field}}" for a in assets),
        "groups:",
        f"  {GROUP}: {{edge: {EDGE}, period_s: {period:g}, max_age_s: {MAX_AGE_PERIODS * period:g}}}",
        "edges:                            # gather_s: so many seconds of rows make one signed batch",
        f"  {EDGE}: {{groups: [{GROUP}], gather_s: {(ROWS_PER_BATCH - 0.5) * period:g}}}",
        "principals:                       # the key comes with `twinvouch principals add`",
        f"  - id: {EDGE}",
        "    kind: edge",
        "",
        "tags:                             # add `unit: m` and so on where it is unknown",
        *_tags(seen, ids),
    ]
    return "\n".join(lines) + "\n"


def _replay(seen: Seen, choices: CsvChoices) -> list[str]:
    lines = [
        f"  time_column: {_q(seen.time_column)}",
        f"  time_format: {_q(seen.time_format)}",
        f"  time_zone: {_q(choices.time_zone)}",
        f"  delimiter: {_q(seen.table.delimiter)}",
    ]
    ignored = ", ".join(_q(name) for name in dict.fromkeys(choices.ignore))
    return [*lines, f"  ignore: [{ignored}]"] if ignored else lines


def _tags(seen: Seen, ids: dict[str, str]) -> list[str]:
    lines = []
    for column in seen.columns:
        found: dict[str, object] = {"column": column.name, "group": GROUP}
        if unit := starter_csv.unit_of(column.name):
            found["unit"] = unit
        inferred = starter_csv.settings(column, seen.t_ns)
        found |= inferred
        inside = ", ".join(f"{key}: {_q(value)}" for key, value in found.items())
        note = "" if inferred else "  # never changed in the file: no range is known"
        lines.append(f"  {_q(ids[column.name])}: {{{inside}}}{note}")
    return lines


def _q(value: object) -> str:
    """A value as YAML: JSON is, where no character needs an escape that YAML reads otherwise."""
    return json.dumps(value, ensure_ascii=False)


def write(folder: Path, text: str) -> Config:
    """Write `folder`/twin.yaml, and its schema beside it, after it passed all checks; UsageError where one is there."""
    path = folder / "twin.yaml"
    config = from_document(parse(text, str(path)), path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        (folder / SCHEMA).write_text(schema("twin"), encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"`{path}` exists: it is not overwritten; name another folder") from None
    except OSError as error:
        raise UsageError(f"`{path}` cannot be written: {error.strerror}") from None
    return config


def next_steps(config: Config) -> Sequence[str]:
    """The commands to run next, in order."""
    file = shlex.quote(str(config.path))
    keys = [
        f"twinvouch principals add {p.id} --kind {p.kind.value}{token_option(config, p.id)} --config {file}"
        for p in config.principals
        if p.key is None
    ]
    if config.replay is not None:
        return [*keys, f"twinvouch replay FILE.csv --config {file}"]
    return [*keys, f"twinvouch check {file}", f"twinvouch run {file}"]
