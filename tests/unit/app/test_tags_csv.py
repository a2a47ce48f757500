"""Tags from a CSV are tags like others, with their own places."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.app.plants import GOOD, changed, loaded, problems
from twinvouch.app import tags_csv
from twinvouch.app.config_tags import ActuatorSettings, TagSettings
from twinvouch.app.yaml_file import parse
from twinvouch.core.inventory import CommandClass

HEAD = "id,group,unit,low,high,device,table,address,encoding,description\n"
ROW = 'tank-1/flow,fast,m3/h,-1,2.5,plc-1,input,7,i16,"a ""quoted"", text"\n'


def plant(folder: Path, csv: str) -> str:
    (folder / "tags.csv").write_text(csv, encoding="utf-8")
    return changed("edges: {edge-1", "tags_csv: tags.csv\nedges: {edge-1")


def test_rows_become_tags(tmp_path: Path) -> None:
    text = plant(tmp_path, HEAD + ROW + "\n" + "tank-1/ph,fast,,,,,,,,\n")
    config = loaded(tmp_path, text)
    flow = config.tags["tank-1/flow"]
    assert (flow.unit, flow.range, flow.address) == ("m3/h", (-1.0, 2.5), 7)
    assert flow.description == 'a "quoted", text'
    assert config.tags["tank-1/ph"] == TagSettings(group="fast")


def test_a_change_in_the_csv_changes_the_digest(tmp_path: Path) -> None:
    first = loaded(tmp_path, plant(tmp_path, HEAD + ROW)).digest
    assert loaded(tmp_path, plant(tmp_path, HEAD + ROW.replace("2.5", "2.6"))).digest != first


def test_actuators_can_stand_in_a_csv(tmp_path: Path) -> None:
    head = "id,group,low,high,device,table,address,actuator.class,actuator.min,actuator.max,actuator.controlled,actuator.interlock\n"
    row = "pump-1/valve,fast,0,1,plc-1,coil,0,C,0,1,tank-1/level pump-1/speed,tank_1_level > 1.0\n"
    config = loaded(tmp_path, plant(tmp_path, head + row))
    actuator = config.tags["pump-1/valve"].actuator
    assert isinstance(actuator, ActuatorSettings)
    assert actuator.command_class is CommandClass.C
    assert actuator.controlled == ("tank-1/level", "pump-1/speed")


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        (HEAD + ROW.replace("7,i16", "x,i16"), "tags.csv:2:42: `address`, expected a valid integer, got 'x'"),
        (HEAD + ROW.replace("-1,2.5", ",2.5"), "tags.csv:2:1: `low` and `high`, expected both or neither"),
        (HEAD + ROW.replace("fast", "fsat"), "tags.csv:2:13: `fsat` is not in `groups:`, did you mean `fast`?"),
        (HEAD + ROW.replace("7,i16", "010,i16"), "tags.csv:2:42: '010' has two meanings"),
        (HEAD + ROW + ROW, "tags.csv:3:1: tag `tank-1/flow` is also in tags.csv:2:1"),
        (HEAD + ROW.replace("flow", "level"), "tags.csv:2:1: tag `tank-1/level` is also in twin.yaml:9:3"),
        (HEAD + "tank-1/flow,fast\n", "tags.csv:2:1: 2 cells, expected 10 as in line 1"),
        (HEAD + ",fast,,,,,,,,\n", "tags.csv:2:1: empty `id`"),
        (HEAD.replace("unit", "unti"), "tags.csv:1:10: unknown column `unti`, did you mean `unit`?"),
        (HEAD.replace("unit", "group"), "tags.csv:1:10: duplicate column `group`"),
        ("group\n", "tags.csv:1:1: missing column `id`"),
        ("", "tags.csv:1:1: no header"),
        (HEAD + 'tank-1/flow,"fast\n', "tags.csv:2:13: quote that does not close"),
        (HEAD + 'tank-1/flow,"fast"x\n', "tags.csv:2:19: after a closing quote, expected ','"),
        (HEAD + "tank-1/flow,fast,tvt_0123456789abcdefghij,,,,,,,\n", "looks like a secret"),
        (HEAD + "tank-1/flow,fast,\x1b[31m,,,,,,,\n", "a character that cannot be printed"),
        (HEAD + "flow,fast,,,,,,,,\n", "tags.csv:2:1: key `flow`, expected a tag id `asset/tag`"),
    ],
)  # fmt: skip
def test_mistakes_in_the_csv_have_places_there(tmp_path: Path, csv: str, words: str) -> None:
    found = [
        problem.replace(f"{tmp_path}/", "") for problem in problems(tmp_path, plant(tmp_path, csv))
    ]
    assert any(words in problem for problem in found), found


def test_every_setting_of_a_tag_has_its_column() -> None:
    names = set(tags_csv.columns())
    sections = {"range", "actuator", "mqtt"}
    assert {"id", "low", "high"} | (set(TagSettings.model_fields) - sections) <= names
    assert {"actuator.class", "actuator.interlock_tags", "mqtt.topic", "mqtt.broker"} <= names


@given(st.text(alphabet=st.sampled_from('ab,";\n\r\t /1.-\x00é'), max_size=80))
def test_any_text_as_csv_is_tags_or_problems(csv: str) -> None:
    rows = tags_csv.Rows("tags.csv", csv)
    root = parse(GOOD, "t").root
    tags = root.fields["tags"][1]  # type: ignore[union-attr]
    rows.into(tags)  # type: ignore[arg-type]
    assert rows.problems or set(rows.columns) >= {"id", "group"}
