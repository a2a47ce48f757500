"""MQTT sources in twin.yaml: what becomes of them, and every mistake at its place."""

from pathlib import Path

import pytest

from tests.unit.app.plants import GOOD, changed, loaded, problems
from twinvouch.app import inventory
from twinvouch.app.devices import listen
from twinvouch.core.errors import ConfigError
from twinvouch.core.inventory import MqttFormat, MqttPoint, Rhythm

EDGES = "edges: {edge-1: {groups: [fast, cell], mqtt: {b: {host: broker.example, port: 1884}}}}"
TAG = "  tank-1/flow: {group: cell, unit: W, scale: 0.5, mqtt: {broker: b, format: json, topic: a/b, value: /v}}\n"
TEXT = changed("edges: {edge-1: {groups: [fast]}}", EDGES)
TEXT = changed(
    "groups: {fast:", "groups: {cell: {edge: edge-1, rhythm: exception, max_age_s: 9}, fast:", TEXT
)
TEXT = changed("tags:\n", f"tags:\n{TAG}", TEXT)


def test_a_tag_of_a_broker_has_its_point_and_its_group_its_rhythm(tmp_path: Path) -> None:
    config = loaded(tmp_path, TEXT)
    plant = inventory.plant(config)
    assert plant.tags["tank-1/flow"].mqtt == MqttPoint(
        "b", MqttFormat.JSON, "a/b", metric="tank-1/flow", value="/v", scale=0.5
    )
    assert plant.groups["cell"].rhythm is Rhythm.EXCEPTION
    assert plant.groups["fast"].rhythm is Rhythm.SCAN
    assert plant.edges["edge-1"].max_lateness_ns == 60_000_000_000
    broker = config.edges["edge-1"].mqtt["b"]
    assert (broker.port, broker.version, broker.rebirth) == (1884, "5", False)


def test_lateness_is_enough_for_what_is_gathered(tmp_path: Path) -> None:
    text = changed(
        "edges: {edge-1: {groups: [fast]}}", "edges: {edge-1: {groups: [fast], gather_s: 100}}"
    )
    assert (
        inventory.plant(loaded(tmp_path, text)).edges["edge-1"].max_lateness_ns == 200_000_000_000
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("broker: b,", "broker: c,", "`c` is not in `mqtt:` of edge `edge-1`"),
        ("format: json", "format: sparkplug", "`value` with format sparkplug"),
        ("format: json, topic: a/b, value: /v", "format: sparkplug, topic: a, metric: m", "expected group/node"),
        ("format: json, topic: a/b, value: /v", "format: sparkplug, topic: a/b", "missing key `metric`"),
        ("value: /v", "metric: m", "`metric` with format json"),
        ("topic: a/b", 'topic: "a/#"', "without the wildcards"),
        ("value: /v", "value: v", "a JSON pointer"),
        ("rhythm: exception, max_age_s: 9", "period_s: 1, max_age_s: 9", "expected one of rhythm exception"),
        ("rhythm: exception, max_age_s: 9", "max_age_s: 9", "missing key `period_s`"),
        ("group: cell, unit: W", "group: cell, device: plc-1, table: holding, address: 7", "`mqtt` and `device`"),
        ("port: 1884", "port: 1884, username: x", "expected both or neither"),
        ("groups: [fast, cell],", "groups: [fast, cell], gather_s: 90, max_lateness_s: 80,", "expected at least gather_s = 90"),
    ],
)  # fmt: skip
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, words: str) -> None:
    found = problems(tmp_path, changed(old, new, TEXT))
    assert any(words in p for p in found), found


def test_polled_tags_need_a_scan_group(tmp_path: Path) -> None:
    text = changed(
        "fast: {edge: edge-1, period_s", "fast: {edge: edge-1, rhythm: exception, period_s", GOOD
    )
    assert any("expected one of rhythm scan" in p for p in problems(tmp_path, text))


def test_tls_files_that_cannot_be_used_are_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    text = changed("port: 1884", "port: 1884, tls: {ca: none.crt}", TEXT)
    settings = loaded(tmp_path, text).edges["edge-1"].mqtt["b"]
    with pytest.raises(ConfigError, match="TLS files"):
        listen("b", "edge-1", settings, tmp_path)
