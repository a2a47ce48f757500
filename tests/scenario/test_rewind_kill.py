"""A rewind as a process of its own, beside a core that runs, and killed at any moment: the plant's data stays as it is."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from time import sleep

import pytest
from tests.unit.app.rewound_plant import A, configured, lied_to
from tests.unit.app.test_rewind import files

from twinvouch import verifier

KILLS = 10
CHILD = """
import sys, time
from twinvouch.app import rewind_lineage
from twinvouch.app.cli import main

rewind_lineage.GROUP = 16
add = rewind_lineage.Lineage.add

def slowly(self, *more):
    time.sleep(0.002)
    add(self, *more)

rewind_lineage.Lineage.add = slowly
print("begins", flush=True)
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_rewind_that_is_killed_leaves_the_plant_as_it_was(tmp_path: Path) -> None:
    config = configured(tmp_path / "plant")
    _, at = lied_to(config)
    before = files(config.data_dir)
    span = ["--since", str(at["since"]), "--until", str(at["until"])]
    arguments = ["rewind", "--config", str(config.path), "--without", A, *span, "--json"]
    chance, drafts = Random(3), 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdout is not None
        child.stdout.readline()
        sleep(chance.uniform(0.3, 1.5))
        child.kill()
        child.wait()
        child.stdout.close()
        assert files(config.data_dir) == before
        drafts += any((config.data_dir / "rewinds").glob("*.draft"))
    assert drafts, "no kill met a rewind at work"
    ran = subprocess.run(
        [sys.executable, "-m", "twinvouch", *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert len(found["decisions"]) == 2
    assert not list((config.data_dir / "rewinds").glob("*.draft"))
    assert verifier.verify(Path(found["ledger"]), found["ledger_key"]).ok
    assert files(config.data_dir) == before
