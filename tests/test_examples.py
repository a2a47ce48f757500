"""Every example is short, runs by itself, and says what its first line promises."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))
SAYS = {
    "judge_a_command": ["level 5 m: permitted", "level 99 m: held", "plausibility"],
    "seal_a_batch": ["6 readings sealed", "batch 0 of edge-1, level [4.98 4.99 5.01] m", "refused"],
    "verify_a_ledger": ["300 entries of my-plant/0", "tile/entries/000"],
}


def test_every_example_is_known_here() -> None:
    assert [e.stem for e in EXAMPLES] == sorted(SAYS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.stem)
def test_an_example_is_short_and_runs(example: Path) -> None:
    assert len(example.read_text("utf-8").splitlines()) < 60
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    at = 0
    for words in SAYS[example.stem]:
        found = done.stdout.find(words, at)
        assert found >= at, (words, done.stdout)
        at = found
