"""`bench tep` and `bench skab`: files as they come, rows as their pages count them, on small processes made by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from twinvouch.app.bench import skab, tep
from twinvouch.app.cli import cli
from twinvouch.core.errors import UsageError

Say = list[str]


def process(rows: int, width: int, seed: int) -> np.ndarray:
    """Columns that follow three slow ones, with noise."""
    chance = np.random.default_rng(seed)
    mixed = np.random.default_rng(0).normal(size=(3, width))
    hidden = np.zeros((rows, 3))
    for row in range(1, rows):
        hidden[row] = 0.8 * hidden[row - 1] + chance.normal(size=3)
    made: np.ndarray = 50 + hidden @ mixed + 0.2 * chance.normal(size=(rows, width))
    return made


@pytest.fixture
def eastman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Faults 1 (a large step), 3 (none at all) and 4 (a large step)."""
    monkeypatch.setattr(tep, "FAULTS", (1, 3, 4))
    np.savetxt(tmp_path / "d00.dat", process(500, 52, 1).T)
    np.savetxt(tmp_path / "d00_te.dat", process(400, 52, 2))
    for fault in (1, 3, 4):
        values = process(240, 52, 2 + fault)
        values[tep.BEGINS :, fault] += 0.0 if fault == 3 else 20.0
        np.savetxt(tmp_path / f"d{fault:02}_te.dat", values)
    return tmp_path


def test_faults_are_found_after_they_began(eastman: Path) -> None:
    said = CliRunner().invoke(cli, ["bench", "tep", str(eastman), "--json"])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    by_fault = {f["fault"]: f for f in found["faults"]}
    assert by_fault[1]["detected"] > 0.9
    assert by_fault[4]["detected"] > 0.9
    assert found["detected_without_3_9_15"] == pytest.approx(
        (by_fault[1]["detected"] + by_fault[4]["detected"]) / 2, abs=1e-4
    )
    assert found["detected"] == pytest.approx(
        np.mean([f["detected"] for f in by_fault.values()]), abs=1e-4
    )
    assert by_fault[1]["baseline_detected"] > 0.9
    assert found["baseline_false_alarms"] < 0.2
    assert found["detected"] <= found["either_detected"]
    assert found["false_alarms"] <= found["either_false_alarms"]
    assert found["code"] in said.stderr


def test_tep_files_may_be_transposed_but_not_strange(tmp_path: Path) -> None:
    values = process(60, 52, 1)
    np.savetxt(tmp_path / "a.dat", values)
    np.savetxt(tmp_path / "b.dat", values.T)
    one, other = tep.read(tmp_path / "a.dat"), tep.read(tmp_path / "b.dat")
    assert np.array_equal(one.values, other.values)
    assert np.allclose(one.values, values)
    assert set(np.diff(one.t_ns).tolist()) == {180 * 10**9}
    assert one.ids[0] == "xmeas-1"
    assert one.ids[-1] == "xmv-11"
    np.savetxt(tmp_path / "c.dat", values[:, :51])
    (tmp_path / "d.dat").write_text("a b\n")
    for name in ("c.dat", "d.dat", "gone.dat"):
        with pytest.raises(UsageError, match=name):
            tep.read(tmp_path / name)


def test_the_real_normal_runs_are_read_alike(shared_data: Path) -> None:
    if not (shared_data / "tep").is_dir():
        pytest.skip("the Tennessee Eastman files are not here")
    clean, test = (tep.read(shared_data / "tep" / name) for name in ("d00.dat", "d00_te.dat"))
    assert clean.values.shape == (500, 52)
    assert test.values.shape == (960, 52)
    apart = np.abs(clean.values.mean(axis=0) - test.values.mean(axis=0))
    assert (apart < clean.values.std(axis=0)).all()


def run_file(path: Path, seed: int, fault: float) -> None:
    values = process(600, 8, seed)
    values[500:560, 2] += fault
    names = ";".join(f"sensor {n}" for n in range(8))
    lines = [f"datetime;{names};anomaly;changepoint"]
    for row, cells in enumerate(values.tolist()):
        moment = f"2020-03-09 10:{row // 60:02}:{row % 60:02}"
        numbers = ";".join(f"{cell:.4f}" for cell in cells)
        lines.append(f"{moment};{numbers};{float(500 <= row < 560)};{float(row == 500)}")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def test_runs_are_pooled_and_no_row_they_were_learned_from_counts(tmp_path: Path) -> None:
    run_file(tmp_path / "valve1" / "0.csv", 1, 15.0)
    run_file(tmp_path / "valve2" / "0.csv", 2, 15.0)
    said = CliRunner().invoke(cli, ["bench", "skab", str(tmp_path), "--json"])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["rows"] == 400
    assert [run["run"] for run in found["runs"]] == ["valve1/0", "valve2/0"]
    assert found["recall"] > 0.5
    assert found["recall"] <= found["either_recall"]
    assert found["baseline_recall"] > 0
    assert found["always_f1"] == pytest.approx(2 * 0.3 / 1.3, abs=1e-4)
    assert found["far"] < 0.5


def test_directories_without_runs_and_short_runs_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no CSV files"):
        skab.run(tmp_path, lambda _: None)
    run_file(tmp_path / "valve1" / "0.csv", 1, 0.0)
    lines = (tmp_path / "valve1" / "0.csv").read_text().splitlines()
    (tmp_path / "valve1" / "0.csv").write_text("\n".join(lines[:401]))
    with pytest.raises(UsageError, match="more than 400 rows"):
        skab.run(tmp_path, lambda _: None)
