"""`bench kill` in short: every process killed a few times under load, nothing lost and nothing done twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_is_lost_or_done_twice_whatever_is_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "twinvouch",
            "bench",
            "kill",
            "--kills",
            "4",
            "--batches-per-s",
            "10",
            "--seed",
            "5",
            "--json",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["kills"] == 16
    assert said["worker_kills"] == 4
    assert said["look_ahead_answered"] > 0
    assert 0 < said["total_pss_mb"] < 600
    assert said["lost"] == said["duplicated"] == said["double_executed"] == 0
    assert said["unpermitted_writes"] == said["two_roots"] == 0
    assert said["false_alarms"] == 0
    assert said["unknown_resolved"] == said["unknown"]
    assert said["ledger_verified"] == 1
    assert said["outages_watched"] > 4
    assert said["plant_control_faults"] == 0
    assert said["kills_met"]["worker"].get("asked", 0) > 0, "in the middle of a question"
    assert said["look_ahead_unanswered"] > 0
    assert said["batches"] > 0 < said["executed"]
    assert Path(said["directory"]).is_relative_to(tmp_path)


def test_an_unknown_process_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twinvouch", "bench", "kill", "--processes", "core,plant"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "plant" in done.stderr
