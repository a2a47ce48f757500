"""A Config becomes the inventory the engine works with."""

import base64
from hashlib import sha256
from math import inf
from pathlib import Path

import cbor2

from tests.unit.app.plants import GOOD, KEY, changed, loaded
from twinvouch.app import inventory
from twinvouch.core.batch import Origin
from twinvouch.core.inventory import CommandClass, Encoding, Point, Role, Table, key_id
from twinvouch.core.site import CommandRules, ReadingRules
from twinvouch.core.word_order import WordOrder

SECOND = 1_000_000_000


def test_a_plant_has_everything_of_its_config(tmp_path: Path) -> None:
    plant = inventory.plant(loaded(tmp_path))
    level, speed = plant.tags["tank-1/level"], plant.tags["pump-1/speed"]
    assert (plant.id, plant.actuator) == ("net3", "actuator-1")
    assert level.point == Point("plc-1", 1, Table.HOLDING, 0, Encoding.F32)
    assert (level.low, level.high, level.rate) == (0, 10, 0.5)
    assert level.calibrated_ns == 1_769_817_600 * SECOND  # 2026-01-31T00:00:00Z
    assert level.calibration_valid_ns == 365 * 86_400 * SECOND
    assert (level.domains.edge, level.domains.zone) == ("edge-1", "field")
    assert level.domains.key == key_id(base64.b64decode(KEY)).hex()
    assert (speed.rate, speed.command_class) == (inf, CommandClass.A)
    assert speed.limits is not None
    assert speed.limits.interlock_tags == ("tank-1/level",)
    assert speed.limits.controlled == ("tank-1/level",)
    assert plant.principals["anna"].roles == {Role.OPERATOR}
    assert plant.principals["actuator-1"].key == b""
    assert plant.by_key_id[key_id(base64.b64decode(KEY))].id == "edge-1"
    assert plant.classes[CommandClass.A].hold_ns == 900 * SECOND
    assert plant.edges["edge-1"].groups == ("fast",)


def test_a_tag_may_be_who_its_device_says_it_is(tmp_path: Path) -> None:
    who = "  tank-1/who: {group: fast, device: plc-1, modbus_unit: 3, table: identity}\nedges:"
    plant = inventory.plant(loaded(tmp_path, GOOD.replace("edges:", who, 1)))
    assert plant.tags["tank-1/who"].point == Point("plc-1", 3, Table.IDENTITY, 0, Encoding.U64)
    assert plant.groups["fast"].identities.tolist() == [2]


def test_a_number_lies_as_its_tag_says(tmp_path: Path) -> None:
    told = GOOD.replace("encoding: f32", "encoding: i32, word_order: CDAB").replace(
        "    address: 2\n", "    address: 2\n    bit: 7\n"
    )
    plant = inventory.plant(loaded(tmp_path, told))
    level, speed = plant.tags["tank-1/level"].point, plant.tags["pump-1/speed"].point
    assert level == Point("plc-1", 1, Table.HOLDING, 0, Encoding.I32, order=WordOrder.WORDS_SWAPPED)
    assert speed == Point("plc-1", 1, Table.HOLDING, 2, Encoding.BIT, bit=7)


def test_columns_are_in_order_of_ids_and_digested(tmp_path: Path) -> None:
    group = inventory.plant(loaded(tmp_path)).groups["fast"]
    assert group.ids == ("pump-1/speed", "tank-1/level")
    assert (group.period_ns, group.max_age_ns) == (SECOND // 10, 5 * SECOND)
    columns = ["fast", [["pump-1/speed", "f8"], ["tank-1/level", "f8"]]]
    assert group.digest == sha256(cbor2.dumps(columns, canonical=True)).digest()


def test_the_order_of_the_file_changes_nothing(tmp_path: Path) -> None:
    head, _, rest = GOOD.partition("tags:\n")
    first, second = (
        rest[: rest.index("  pump-1")],
        rest[rest.index("  pump-1") : rest.index("edges:")],
    )
    other = head + "tags:\n" + second + first + rest[rest.index("edges:") :]
    a, b = loaded(tmp_path), loaded(tmp_path, other)
    assert a.digest == b.digest
    assert inventory.plant(a).groups["fast"] == inventory.plant(b).groups["fast"]


def test_unlimited_tags_have_infinite_limits(tmp_path: Path) -> None:
    plant = inventory.plant(
        loaded(tmp_path, changed("edges: {edge-1", "  tank-1/x: {group: fast}\nedges: {edge-1"))
    )
    tag = plant.tags["tank-1/x"]
    assert (tag.low, tag.high, tag.rate, tag.point) == (-inf, inf, inf, None)


def test_rules_are_in_nanoseconds(tmp_path: Path) -> None:
    text = GOOD + "readings: {duplicate_window_s: 0.5, max_cells: 10}\ncommands: {permit_s: 1.5}\n"
    config = loaded(tmp_path, changed("id: net3", "id: net3, origin: replay", text))
    assert inventory.reading_rules(config).duplicate_window_ns == SECOND // 2
    assert inventory.reading_rules(config).max_cells == 10
    assert inventory.command_rules(config).permit_ns == 3 * SECOND // 2
    assert inventory.origin(config) is Origin.REPLAY


def test_defaults_are_those_of_the_gates(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert inventory.reading_rules(config) == ReadingRules()
    assert inventory.command_rules(config) == CommandRules()
