"""`bench endure` in short: each of the five killed once, nothing lost, and the history has every acknowledged reading once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_is_lost_of_log_history_advice_or_receipts(tmp_path: Path) -> None:
    asked = ("--sections", "kills", "--kills", "5", "--batches-per-s", "15", "--seed", "2")
    done = subprocess.run(
        [sys.executable, "-m", "twinvouch", "bench", "endure", *asked, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["ok_kills"] == 1
    assert said["kills"] == 5
    for name in ("lost", "duplicated", "double_executed", "unpermitted_writes", "two_roots"):
        assert said[name] == 0
    assert said["history_lost"] == said["history_twice"] == said["chunks_damaged"] == 0
    assert said["advice_lost"] == said["answers_wrong"] == 0
    assert said["witness_conflicts"] == said["witness_evidence"] == said["false_alarms"] == 0
    assert said["ledger_verified"] == said["witness_verified"] == 1
    assert said["history_readings"] > 0 < said["receipts_verified"]


def test_an_unknown_section_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twinvouch", "bench", "endure", "--sections", "kills,rust"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "rust" in done.stderr
