"""A small valid twin.yaml for tests, and ways to change it."""

from pathlib import Path

from twinvouch.app.config import load
from twinvouch.app.config_model import Config
from twinvouch.app.problems import InvalidConfigError

KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # RFC 8032, 7.1, test 1
KEY_2 = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="  # test 2

GOOD = f"""\
version: 1
plant: {{id: net3}}
zones: {{field: {{level: 2}}, control: {{}}}}
conduits: [{{from: field, to: control, protocols: [modbus]}}]
assets: {{tank-1: {{zone: field}}, pump-1: {{zone: field}}}}
devices: {{plc-1: {{host: 127.0.0.1, port: 5020}}}}
groups: {{fast: {{edge: edge-1, period_s: 0.1, max_age_s: 5}}}}
tags:
  tank-1/level: {{unit: m, range: [0, 10], rate: 0.5, group: fast, device: plc-1, table: holding,
                 address: 0, encoding: f32, calibrated: 2026-01-31, calibration_days: 365}}
  pump-1/speed:
    group: fast
    range: [0, 1]
    device: plc-1
    table: holding
    address: 2
    actuator: {{class: A, min: 0, max: 1, interlock: tank_1_level > 2.0, controlled: [tank-1/level]}}
edges: {{edge-1: {{groups: [fast]}}}}
principals:
  - {{id: edge-1, kind: edge, key: "{KEY}"}}
  - {{id: anna, kind: person, key: "{KEY_2}", roles: [operator]}}
  - {{id: actuator-1, kind: service}}
actuator: {{principal: actuator-1}}
"""


def write(folder: Path, text: str) -> Path:
    """Write twin.yaml."""
    path = folder / "twin.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str = GOOD) -> Config:
    """The configuration of `text`."""
    return load(write(folder, text))


def problems(folder: Path, text: str) -> list[str]:
    """What `load` says of `text`, as `line:column: words`, the file left out."""
    path = write(folder, text)
    try:
        load(path)
    except InvalidConfigError as error:
        return [str(p).removeprefix(f"{path}:").replace(f"{folder}/", "") for p in error.problems]
    return []


def changed(old: str, new: str, text: str = GOOD) -> str:
    """`text` with one place changed; the place must exist once."""
    assert text.count(old) == 1, (old, text.count(old))
    return text.replace(old, new)
