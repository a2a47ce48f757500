"""`bench detect`: labels reach no detector, everything is fixed before the test file is opened, bad files are named."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.unit.readings.detect.plant import LEVEL, PRESSURE, plant
from twinvouch.app import wide_csv
from twinvouch.app.bench import detect as bench
from twinvouch.app.cli import cli
from twinvouch.app.problems import InvalidConfigError
from twinvouch.app.wide_csv import Form
from twinvouch.core.errors import UsageError
from twinvouch.core.table import Table

HEAD = ["when", "tank/level", "tank/pressure", "pump/flow", "pump/run", "spare/run"]


def write(path: Path, table: Table, attacked: np.ndarray | None = None, sep: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=sep)
        writer.writerow([*HEAD, *(["label"] if attacked is not None else [])])
        for row, values in enumerate(table.values.tolist()):
            cells = ["" if np.isnan(v) else f"{v:.4f}" for v in values]
            mark = [] if attacked is None else [int(attacked[row])]
            writer.writerow([int(table.t_ns[row] // 10**9) + 86_400 * 3650, *cells, *mark])
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray]:
    directory = tmp_path_factory.mktemp("wide")
    test = plant(800, 2, 6000)
    attacked = np.zeros(800, np.bool_)
    attacked[300:360] = attacked[600:640] = True
    test.values[300:360, PRESSURE] += 5.0
    test.values[600:640, LEVEL] -= 0.6
    train = write(directory / "train.csv", plant(6000, 1))
    return train, write(directory / "test.csv", test, attacked), attacked


def test_attacks_are_found_and_named(files: tuple[Path, Path, np.ndarray], tmp_path: Path) -> None:
    train, test, attacked = files
    out = tmp_path / "out.csv"
    arguments = ["bench", "detect", "--train", str(train), "--test", str(test)]
    options = ["--time-format", "unix", "--predictions", str(out), "--json"]
    said = CliRunner().invoke(cli, [*arguments, *options])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["events"] == found["events_found"] == 2
    assert found["S"] > 0.9
    assert found["S"] >= found["baseline_S"]
    assert found["false_alarms_per_30d"] <= 1
    rows = list(csv.reader(out.read_text("utf-8").splitlines()))
    assert rows[0] == ["time", "alarm", *HEAD[1:]]
    alarm = np.array([row[1] == "1" for row in rows[1:]])
    assert alarm[attacked].mean() > 0.8
    named = np.array([[cell == "1" for cell in row[2:]] for row in rows[1:]])
    assert np.array_equal(named.any(axis=1), alarm)
    assert named[301:360, PRESSURE].mean() > 0.8


def test_no_detector_sees_a_label(
    files: tuple[Path, Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test, _ = files
    seen: list[tuple[str, ...]] = []
    real = wide_csv.as_columns_of

    def spied(trained: Table, tested: Table, path: Path) -> Table:
        seen.extend((trained.ids, tested.ids))
        return real(trained, tested, path)

    monkeypatch.setattr(wide_csv, "as_columns_of", spied)
    bench.run(train, test, Form(time_format="unix"), None, lambda _: None)
    assert seen == [tuple(HEAD[1:])] * 2


def test_all_is_fixed_before_the_test_file_is_opened(files: tuple[Path, Path, np.ndarray]) -> None:
    train, _, _ = files
    said: list[str] = []
    gone = train.with_name("gone.csv")
    with pytest.raises(InvalidConfigError, match="no such file"):
        bench.run(train, gone, Form(time_format="unix"), None, said.append)
    assert bench.digest_of_code() in said[0]


def test_forms_of_files(tmp_path: Path) -> None:
    table = plant(20, 1)
    table.values[3, 1] = np.nan
    attacked = np.arange(20) > 10
    path = write(tmp_path / "a.csv", table, attacked, sep=";")
    found = wide_csv.read(path, Form(time_format="unix"))
    assert found.table.ids == tuple(HEAD[1:])
    assert found.attacked is not None
    assert found.attacked.tolist() == attacked.tolist()
    assert np.isnan(found.table.values[3, 1])
    assert np.allclose(np.nan_to_num(found.table.values), np.nan_to_num(table.values), atol=1e-4)
    assert wide_csv.read(path, Form(time_format="unix", label_column="label")).attacked is not None


def test_columns_may_be_in_another_order_but_not_missing(tmp_path: Path) -> None:
    table = plant(20, 1)
    other = Table(table.ids[::-1], table.t_ns, table.values[:, ::-1])
    same = wide_csv.as_columns_of(table, other, tmp_path)
    assert np.array_equal(same.values, table.values)
    fewer = Table(table.ids[1:], table.t_ns, table.values[:, 1:])
    with pytest.raises(UsageError, match="tank/level"):
        wide_csv.as_columns_of(table, fewer, tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("when,a\n1,2\n0,3\n", "earlier"),
        ("when,a\nsoon,2\n", "time"),
        ("when,a\n1,2,3\n", "3 cells"),
        ("when,label\n1,0\n", "no column is left"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        wide_csv.read(path, Form(time_format="unix"))


def test_labels_that_are_neither_count_as_normal_and_are_told(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("when,a,ATT_FLAG\n946684800,1,-999\n946684801,2,1\n946684802,3,0\n")
    found = wide_csv.read(path, Form(time_format="unix"))
    assert found.odd_labels == 1
    assert found.attacked is not None
    assert found.attacked.tolist() == [False, True, False]


def test_hostile_columns_stop_nothing(files: tuple[Path, Path, np.ndarray], tmp_path: Path) -> None:
    """A constant column, one without any number, one that is infinite: told by nothing, and no crash."""
    table = plant(3000, 1)
    strange = np.column_stack((table.values, np.full((3000, 3), np.nan)))
    strange[:, -2] = 7.0
    strange[:, -1] = np.where(np.arange(3000) % 2, np.inf, -np.inf)
    with (tmp_path / "s.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*HEAD, "empty", "still", "endless"])
        for row, values in enumerate(strange.tolist()):
            cells = ["" if np.isnan(v) else f"{v:.4f}" for v in values]
            writer.writerow([946_684_800 + 3600 * row, *cells])
    path = tmp_path / "s.csv"
    found = bench.run(path, path, Form(time_format="unix"), None, lambda _: None)
    assert found["tags"] == 8
    assert found["alarm_share"] < 0.01
