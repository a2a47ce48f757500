"""`bench soak` in short: everything runs, is sampled and ends in order; a slope is not drawn through too little."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from twinvouch.app.bench.soak import PROCESSES


@pytest.mark.slow
def test_a_short_soak_samples_every_process(tmp_path: Path) -> None:
    table = tmp_path / "soak.csv"
    pace = ("--hours-simulated", "0.5", "--wall-minutes", "0.5")
    done = subprocess.run(
        [sys.executable, "-m", "twinvouch", "bench", "soak", *pace, "--csv", str(table), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "too few for a slope" in done.stderr
    said = json.loads(done.stdout)
    assert said["ledger_verified"] == 1
    assert said["batches"] > 0 < said["commands"]
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for name in PROCESSES:
        assert all(int(row[f"{name}_pss_kib"]) > 1000 for row in rows[1:])
        assert all(int(row[f"{name}_handles"]) > 3 for row in rows[1:])
    assert int(rows[-1]["log_bytes"]) > int(rows[0]["log_bytes"])
