"""actuator.yaml: what is refused, with its place."""

import base64
from pathlib import Path

import pytest

from tests.unit.app.permits import CORE, SECOND
from twinvouch.app.actuator_config import ActuatorConfig, PointSettings, load
from twinvouch.app.config_model import DeviceSettings
from twinvouch.app.problems import InvalidConfigError
from twinvouch.core.inventory import Encoding, Point, Table
from twinvouch.core.word_order import WordOrder

GOOD = f"""\
version: 1
plant: net3
principal: actuator-1
key: keys/actuator-1.key
permit_key: "{base64.b64encode(CORE.public_key).decode()}"
core: http://127.0.0.1:8710
token_file: keys/actuator-1.token
data: actuator
devices:
  plc-1: {{host: 127.0.0.1, port: 5021, tls: {{ca: ca.crt, cert: a.crt, key: a.key}}}}
points:
  - {{tag: pump-1/speed, device: plc-1, unit: 1, table: holding, address: 10, encoding: f32, min: 0, max: 1.5}}
  - {{tag: valve-1/open, device: plc-1, unit: 1, table: coil, address: 3, encoding: bit, min: 0, max: 1}}
"""


def loaded(folder: Path, text: str = GOOD):
    path = folder / "actuator.yaml"
    path.write_text(text, "utf-8")
    return load(path)


def test_the_limits_are_those_of_the_file(tmp_path: Path) -> None:
    limits = loaded(tmp_path).limits
    assert limits.plant == "net3"
    assert limits.permit_key == CORE.public_key
    assert limits.max_ttl_ns == 10 * SECOND
    speed = limits.points["pump-1/speed"]
    assert speed.point == Point("plc-1", 1, Table.HOLDING, 10, Encoding.F32)
    assert (speed.low, speed.high) == (0.0, 1.5)
    assert limits.points["valve-1/open"].point.table is Table.COIL


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("version: 1", "version: 2", "1:10"),
        ("plant: net3\n", "", "missing key `plant`"),
        ("core: http://127.0.0.1:8710", "core: ftp://x", "`core`"),
        ("data: actuator", "data: actuator\nextra: 1", "unknown key `extra`"),
        ("data: actuator", "data: actuator\nmax_ttl_s: 61", "`max_ttl_s`"),
        ("data: actuator", "data: actuator\ndata: other", "`data`"),
        ("data: actuator", "data: actuator\ntls: {ca: a.crt}", "expected https:// beside `tls`"),
        ("min: 0, max: 1.5", "min: 2, max: 1.5", "expected at most `max` 1.5"),
        ("min: 0, max: 1.5", "min: .nan, max: 1.5", "actuator.yaml:12"),
        ("min: 0, max: 1.5", "max: 1.5", "missing key `min`"),
        ("table: coil", "table: input", "`table`"),
        ("table: coil, address: 3, encoding: bit", "table: coil, address: 3, encoding: u16", "13"),
        ("address: 10, encoding: f32", "address: 65535, encoding: f32", "0..65535"),
        ("address: 10, encoding: f32", "address: 10, encoding: f32, scale: 0", "but 0"),
        ("tag: valve-1/open, device: plc-1", "tag: valve-1/open, device: plc-9", "`plc-9`"),
        ("tag: valve-1/open", "tag: pump-1/speed", "is a point already"),
        (
            "valve-1/open, device: plc-1, unit: 1, table: coil, address: 3, encoding: bit",
            "valve-1/open, device: plc-1, unit: 1, table: holding, address: 11, encoding: u16",
            "shares a place with `pump-1/speed`",
        ),
        (
            "valve-1/open, device: plc-1, unit: 1, table: coil, address: 3, encoding: bit",
            "valve-1/open, device: plc-1, unit: 1, table: holding, address: 11, encoding: bit, bit: 3",
            "shares a place with `pump-1/speed`",
        ),
        ("table: coil, address: 3", "table: coil, bit: 1, address: 3", "one bit already"),
        ("encoding: f32", "encoding: string", "an encoding of numbers"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, why: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidConfigError) as caught:
        loaded(tmp_path, GOOD.replace(old, new))
    assert why in str(caught.value)
    assert f"{tmp_path}/actuator.yaml:" in str(caught.value)


def test_every_setting_is_on_the_reference_page() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/reference/actuator.md").read_text("utf-8")
    rows = " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    for model in (ActuatorConfig, PointSettings, DeviceSettings):
        assert [name for name in model.model_fields if f"`{name}`" not in rows] == []


def test_bits_of_one_register_are_points_of_their_own(tmp_path: Path) -> None:
    coil = "device: plc-1, unit: 1, table: coil, address: 3, encoding: bit, min: 0, max: 1"
    bit = "device: plc-1, table: holding, address: 3, encoding: bit, bit: {}, min: 0, max: 1"
    two = f"{bit.format(3)}}}\n  - {{tag: valve-2/open, {bit.format(4)}"
    config = loaded(tmp_path, GOOD.replace(coil, two))
    assert config.limits.points["valve-2/open"].point.bit == 4
    with pytest.raises(InvalidConfigError, match="shares a place with `valve-1/open`"):
        loaded(tmp_path, GOOD.replace(coil, two).replace("bit: 4", "bit: 3"))


def test_a_word_order_of_its_own_is_part_of_the_point(tmp_path: Path) -> None:
    config = loaded(tmp_path, GOOD.replace("encoding: f32", "encoding: f64, word_order: DCBA"))
    point = config.limits.points["pump-1/speed"].point
    assert (point.encoding, point.order) == (Encoding.F64, WordOrder.LITTLE_ENDIAN)
