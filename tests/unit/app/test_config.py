"""Every mistake between the sections of twin.yaml is found and told at its place."""

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.app.plants import GOOD, KEY, KEY_2, changed, loaded, problems, write
from twinvouch.app.config import load
from twinvouch.app.config_checks import notices, variable_of, variables
from twinvouch.app.config_model import Config
from twinvouch.app.problems import InvalidConfigError
from twinvouch.core.inventory import CommandClass, Tag

LEVEL = "unit: m, range: [0, 10], rate: 0.5"
PUMP = "    range: [0, 1]\n    device: plc-1\n    table: holding\n    address: 2\n"


def test_a_good_file_loads_with_its_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert config.path == tmp_path / "twin.yaml"
    assert config.data_dir == tmp_path / "data"
    assert config.keys_dir == tmp_path / "keys"
    assert len(config.digest) == 32
    assert set(config.command_classes) == set(CommandClass)
    assert config.command_classes[CommandClass.A].approvals == 2
    assert config.commands.permit_s == 5
    assert config.edges["edge-1"].identity_cap == 120


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("zone: field}, pump-1", "zone: feild}, pump-1", "5:25: `feild` is not in `zones:`, did you mean `field`?"),
        ("to: control", "to: contrl", "4:30: `contrl` is not in `zones:`, did you mean `control`?"),
        ("to: control", "to: field", "4:30: conduit, expected two different zones"),
        ("fast: {edge: edge-1", "fast: {edge: edge-2", "7:23: `edge-2` is not in `edges:`, did you mean `edge-1`?"),
        ("max_age_s: 5}", "max_age_s: 0.05}", "7:57: `max_age_s`, expected at least period_s = 0.1, got 0.05"),
        ("groups: {fast: {", "groups: {slow: {edge: edge-1, period_s: 1, max_age_s: 2}, fast: {",
         "7:23: edge `edge-1` does not list group `slow` in its `groups`"),
        ("groups: [fast]", "groups: [fast, fast]", "18:33: group `fast` is listed twice"),
        ("groups: [fast]", "groups: [fast, slow]", "18:33: `slow` is not in `groups:`, expected one of the ids there"),
        ("edges: {edge-1:", "edges: {edge-9:", "edge `edge-9` is not in `principals:`"),
        ("id: edge-1, kind: edge", "id: edge-1, kind: service", "18:17: principal `edge-1`, expected kind edge"),
        ("id: anna", "id: edge-1", "`id` of `edge-1` is also that of principal `edge-1`"),
        ("id: anna", "id: core", "`core` is what the core calls itself: give this principal another name"),
        (KEY_2, KEY, "21:35: `key` of `anna` is also that of principal `edge-1`"),
        ("principal: actuator-1", "principal: actuator", "did you mean `actuator-1`?"),
        ("principal: actuator-1", "principal: anna", "23:23: principal `anna`, expected kind service"),
        ("group: fast, device", "group: fst, device", "`fst` is not in `groups:`, did you mean `fast`?"),
        ("group: fast, device: plc-1", "group: fast, device: plc-2", "`plc-2` is not in `devices:`"),
        ("  tank-1/level", "  tank-2/level", "`tank-2` is not in `assets:`, did you mean `tank-1`?"),
        ("encoding: f32", "encoding: bit", "encoding in table holding, expected u16, i16, u32, i32, u64, i64, f32, f64, bcd16, bcd32; or bit with `bit`: 0..15"),
        ("encoding: f32", "encoding: f32, bit: 3", "encoding in table holding, expected u16"),
        ("encoding: f32", "encoding: bit, bit: 16", "`bit`, expected less than or equal to 15, got 16"),
        ("encoding: f32", "encoding: bit, bit: 3, word_order: CDAB", "`word_order` of a bit, expected none"),
        ("encoding: f32", "encoding: f32, word_order: swapped", "`word_order`, expected 'ABCD', 'CDAB', 'BADC' or 'DCBA', got 'swapped'"),
        ("encoding: f32", "encoding: string", "an encoding of numbers: a tag is a quantity"),
        ("encoding: f32", "encoding: f64", "address 2 overlaps that of tag `tank-1/level`"),
        ("table: holding,", "table: coil,", "encoding in table coil, expected bit"),
        ("table: holding,", "table: identity,", "`encoding` in table identity, expected none"),
        ("table: holding,", "table: identity,", "`address` in table identity, expected none"),
        ("{host: 127.0.0.1, port: 5020}", "{host: 127.0.0.1, port: 5020, max_registers: 3}", "`max_registers`, expected greater than or equal to 4, got 3"),
        ("address: 0,", "address: 65535,", "10:27: 2 registers from address 65535 end after 65535"),
        ("address: 2", "address: 1", "16:14: address 1 overlaps that of tag `tank-1/level`"),
        (LEVEL, LEVEL + ", dtype: u1, scale: 0", "`scale`, expected any number but 0"),
        (LEVEL, "dtype: u2", "dtype u2 needs a `range` that it can hold"),
        (LEVEL, "range: [0, 256], dtype: u1", "dtype u1 holds 0..255, not 0..256"),
        (", calibration_days: 365", "", "`calibrated` without `calibration_days`"),
        (PUMP, "    range: [0, 1]\n    address: 2\n", "`address` without `device`"),
        (PUMP, "    range: [0, 1]\n    address: 2\n", "an actuator needs a `device`"),
        (PUMP, PUMP.replace("holding", "input"), "an actuator in table input, expected coil or holding"),
        (PUMP, PUMP.replace("    table: holding\n", ""), "missing key `table`"),
        (PUMP, PUMP.replace("    address: 2\n", ""), "missing key `address`"),
        ("min: 0, max: 1", "min: 1, max: 0", "`max`, expected above min = 1, got 0"),
        ("min: 0, max: 1", "min: 0, max: 1.5", "`max`, expected inside the range 0..1, got 1.5"),
        ("controlled: [tank-1/level]", "controlled: [tank-1/levle]", "did you mean `tank-1/level`?"),
        ("tank_1_level > 2.0", "tank_1_leval > 2.0", "is no tag, did you mean `tank_1_level`?"),
        ("tank_1_level > 2.0", "2.0 > 1.0", "interlock, expected an expression over at least one tag"),
        ("version: 1\n", "version: 1\napi: {host: 0.0.0.0}\n", "api.host `0.0.0.0` is not loopback"),
        ("version: 1\n", "version: 1\napi: {host: plant.example}\n", "api.host `plant.example` is not loopback"),
        ("groups: [fast]", 'groups: [fast], core: "http://10.0.0.1:8710"', "leaves this machine without TLS"),
        ("groups: [fast]", "groups: [fast], tls: {ca: a, cert: b, key: c}", "expected https:// beside `tls`"),
        ("groups: [fast]", 'groups: [fast], core: "http://[:::1]"', "leaves this machine without TLS"),
        ("version: 1\n", "version: 1\npolicy: none.cedar\n", "policy file `none.cedar`, no such file"),
        ("version: 1\n", "version: 1\ntags_csv: none.csv\n", "tags_csv `none.csv`: no such file"),
    ],
)  # fmt: skip
def test_contradictions_are_told(tmp_path: Path, old: str, new: str, words: str) -> None:
    found = problems(tmp_path, changed(old, new))
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("AAAA", "expected base64 of 32 bytes"),
        (KEY[:-1], "expected base64 of 32 bytes"),
        (" " + KEY, "expected base64 of 32 bytes"),
        (base64.b64encode(bytes(32)).decode(), "a public key of Ed25519"),  # a point of small order
        (base64.b64encode(b"\x01" + bytes(31)).decode(), "a public key of Ed25519"),
        (base64.b64encode(b"\xff" * 32).decode(), "a public key of Ed25519"),
    ],
)
def test_keys_that_are_none_are_refused(tmp_path: Path, key: str, words: str) -> None:
    found = problems(tmp_path, changed(KEY, key))
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize(
    "text",
    [
        "plant: {id: p, description: 'tvt_0123456789abcdefghij0123456789'}",
        'plant: {id: p, description: "-----BEGIN PRIVATE KEY----- MC4CAQAw"}',
        f"plant: {{id: p, description: {KEY}}}",
        "plant: {id: p}\npassword: " + "ab" * 32,
        "plant: {id: p}\nedges: {e: {groups: [g], core: 'http://user:geheim@127.0.0.1'}}",
        "plant: {id: p}\ntoken: eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln",
    ],
)
def test_literal_secrets_are_refused_and_never_shown(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, f"version: 1\n{text}\n")
    assert any("looks like a secret" in problem for problem in found), found
    for part in ("0123456789abcdefghij", "MC4CAQAw", KEY, "abababab", "geheim", "eyJhbGci"):
        assert not any(part in problem for problem in found)


def test_addresses_may_be_shared_only_when_they_are_the_same(tmp_path: Path) -> None:
    twin = "  tank-1/copy: {group: fast, device: plc-1, table: holding, address: 0, encoding: ENC}\nedges: {edge-1"
    same = changed("edges: {edge-1", twin.replace("ENC", "f32"))
    assert problems(tmp_path, same) == []
    other = changed("edges: {edge-1", twin.replace("ENC", "u32"))
    assert len(problems(tmp_path, other)) == 1
    unit_2 = other.replace("address: 0, encoding: u32", "modbus_unit: 2, address: 0, encoding: u32")
    assert problems(tmp_path, unit_2) == []


def test_overlaps_behind_a_wider_neighbour_are_found(tmp_path: Path) -> None:
    more = "".join(
        f"  tank-1/t{n}: {{group: fast, device: plc-1, table: input, address: {a}, encoding: {e}}}\n"
        for n, (a, e) in enumerate([(10, "u16"), (10, "f32"), (11, "u16"), (12, "u16")])
    )
    found = problems(tmp_path, changed("edges: {edge-1", more + "edges: {edge-1"))
    assert [f.split(": ")[1] for f in found] == [
        "address 10 overlaps that of tag `tank-1/t0`",
        "address 11 overlaps that of tag `tank-1/t1`",
    ]


def test_variables_of_an_expression() -> None:
    text = 'tank_1_level > 2.0 && !(a_b < double(c_d)) || x.size() == 1 || \'tank_9\' == "q\\"r" || true'
    assert variables(text) == ["tank_1_level", "a_b", "c_d", "x"]
    assert variable_of("tank-1/level") == "tank_1_level"


def test_a_variable_that_two_tags_share_is_refused(tmp_path: Path) -> None:
    text = changed("assets: {", "assets: {tank_1: {}, ")
    text = changed("  pump-1/speed:", "  tank_1/level: {group: fast}\n  pump-1/speed:", text)
    found = problems(tmp_path, text)
    assert any("could be `tank-1/level` or `tank_1/level`" in problem for problem in found), found


def test_interlocks_are_tried_with_their_tags_and_told_at_their_place(tmp_path: Path) -> None:
    seen: list[tuple[str, list[str]]] = []

    def compile_it(text: str, tags: Sequence[Tag]) -> None:
        seen.append((text, [t.id for t in tags]))
        raise ValueError("gives a number")

    path = write(tmp_path, GOOD)
    with pytest.raises(InvalidConfigError, match=":17:53: gives a number"):
        load(path, compile_it)
    assert seen == [("tank_1_level > 2.0", ["tank-1/level"])]


def test_principals_without_a_key_are_noticed(tmp_path: Path) -> None:
    assert [n.split(":")[0] for n in notices(loaded(tmp_path))] == [
        "principal `actuator-1` has no key yet"
    ]


def test_every_change_of_a_value_changes_the_digest(tmp_path: Path) -> None:
    digests = {loaded(tmp_path).digest}
    for old, new in (
        ("max: 1", "max: 0.9"),
        ("[operator]", "[viewer]"),
        (KEY_2, _other_key()),
        ("port: 5020", "port: 5021"),
    ):
        digests.add(loaded(tmp_path, changed(old, new)).digest)
    assert len(digests) == 5
    assert loaded(tmp_path, "# a comment\n" + GOOD).digest in digests


def test_the_schema_describes_every_section() -> None:
    schema = Config.model_json_schema()
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False


def _other_key() -> str:
    return "/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU="  # RFC 8032, 7.1, test 3


def test_beyond_loopback_with_tls_is_taken(tmp_path: Path) -> None:
    tls = "api: {host: 0.0.0.0, tls: {cert: a, key: b, client_ca: c}}"
    assert problems(tmp_path, changed("version: 1\n", f"version: 1\n{tls}\n")) == []
