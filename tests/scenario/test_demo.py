"""The demo as a user runs it: real processes, the core killed in the middle, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from twinvouch.app.cli import demo
from twinvouch.core.errors import UnavailableError
from twinvouch.lab.scenario import ATTACKS

COMMAND = (sys.executable, "-m", "twinvouch", "demo", "--headless")


@pytest.mark.slow
@pytest.mark.alone
def test_the_whole_demo_comes_out_as_expected(tmp_path: Path) -> None:
    result = tmp_path / "r.json"
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TWINVOUCH_SETUP_S": "12"}
    done = subprocess.run(
        [*COMMAND, "--json", str(result)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(result.read_text("utf-8"))
    assert [a["name"] for a in said["attacks"] if not a["ok"]] == []
    assert [a["name"] for a in said["attacks"]] == [a.name for a in ATTACKS]
    assert said["commands_executed"] > 0
    assert said["unsafe_commands_executed"] == 0
    assert said["unpermitted_writes_seen"] == 1
    assert said["lost_acknowledged_batches"] == 0 < said["acknowledged_batches"]
    assert said["ledger_verified"] is True
    assert said["receipt_verified"] is True
    assert 0 < said["witnessed_entries"] <= said["ledger_entries"]
    assert_doubt(said)
    assert_spoof(said["spoof"])
    assert said["setup_s"] == 12
    assert "core killed (-9)" in done.stdout
    assert "blocked" not in done.stdout.lower()
    assert Path(said["directory"]).is_relative_to(tmp_path)
    assert done.stderr == ""


def assert_doubt(said: dict[str, Any]) -> None:
    """The lie of the last act: exactly what rests on it is listed, and the rewind would have held what was executed."""
    doubt = said["doubt"]
    assert doubt["tag"] == "tank-1/level"
    assert doubt["exact"] is True
    assert 0 < doubt["lied_m"] < 1
    assert doubt["advice"] == 1  # the other piece, from another column of the same batches, is not
    assert doubt["states"] > 20
    assert 0 < doubt["executed"] <= doubt["commands"]
    assert doubt["touched"] > doubt["states"] + doubt["advice"] + 4 * doubt["executed"]
    assert len(set(doubt["by"])) == 2
    assert doubt["rewind_faithful"] is True
    assert doubt["rewind_held"] == doubt["executed"] <= doubt["rewind_decisions"]
    assert doubt["rewound_trust"] == 0 < doubt["trust"]
    assert said["receipt_verified"] is True
    assert doubt["receipt_of"]


def assert_spoof(spoof: dict[str, Any]) -> None:
    """The lie of the second act: contradicted, its command held with the time to the limit, an estimate took over, the plant stayed."""
    found, held, estimate, executed = (spoof[n] for n in ("found", "held", "estimate", "executed"))
    assert spoof["tag"] == "tower/level"
    assert found["rule"] == "redundancy"
    assert found["trust"] == 60 < spoof["trust"] == spoof["trust_after"]
    assert held["verdict"] == "held"
    assert 0 < held["leaves_in_min"] < 130
    label, ahead = held["sentences"]
    assert "set by `tower/level`" in label
    assert "`level` leaves its limits in" in ahead
    assert estimate["sources"] == ["station-2/inflow", "station-2/outflow"]
    assert estimate["low"] <= estimate["true_m"] <= estimate["high"]
    times = [found["minute"], held["minute"], executed["minute"], spoof["counts_min"]]
    assert times == sorted(times)
    assert executed["command"] != held["command"]
    assert "estimated level" in executed["reason"]
    assert spoof["lied_min"] >= 220  # with nothing between it runs over in 180 at most
    assert 0.5 < spoof["true"]["lowest_m"] < spoof["true"]["highest_m"] < 5.5
    assert spoof["true"]["spilled_m3"] == 0


@pytest.mark.slow
@pytest.mark.alone
def test_with_nothing_between_the_same_lie_makes_the_tower_run_over(tmp_path: Path) -> None:
    result = tmp_path / "r.json"
    done = subprocess.run(
        [*COMMAND, "--unprotected", "--json", str(result)],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = json.loads(result.read_text("utf-8"))
    assert 0 <= said["started_min"] < said["left_min"] < said["overflow_min"] < said["lied_min"]
    assert said["highest_m"] == pytest.approx(6.0)
    assert said["spilled_m3"] > 0
    assert "THE TOWER OVERFLOWED" in done.stdout
    assert done.stderr == ""


def test_a_run_is_simulated_or_unprotected_not_both() -> None:
    told = CliRunner().invoke(demo.command, ["--simulated", "--unprotected"])
    assert told.exit_code == 2
    assert "either --simulated or --unprotected" in told.output


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_demo_is_stopped(tmp_path: Path, how: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    for line in process.stdout:
        if "commands executed after" in line:
            break
    children = children_of(process.pid)
    assert len(children) == 8
    process.send_signal(how)
    process.wait(60)
    process.stdout.close()
    for _ in range(300):
        alive = [pid for pid in children if is_alive(pid)]
        if not alive:
            break
        time.sleep(0.1)
    assert alive == []
    if how is signal.SIGINT:
        assert process.returncode == 130


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == "wntr" else object())
    with pytest.raises(UnavailableError, match=r"needs wntr.*pip install 'twinvouch\[lab\]'"):
        demo.require_lab()


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
