"""kill -9 of the pass that writes the history, again and again: what it then has is what was sent, once."""

import subprocess
import sys
from pathlib import Path
from random import Random
from time import sleep

import pytest
from tests.unit.app.kept_plant import LEVEL, Kept, configured

from twinvouch.app.compaction import DIRECTORY, compact
from twinvouch.app.recall import EARLIEST, LATEST, recall_of

KILLS = 12
CHILD = """
import sys, time
from pathlib import Path
from twinvouch.adapters import chunk_files
from twinvouch.app import compaction
from twinvouch.app.config import load

def slowly(path, raw, disk=chunk_files.OS, write=chunk_files.write_file):
    time.sleep(0.01)
    write(path, raw, disk)
    time.sleep(0.01)

compaction.write_file = slowly
print("begins", flush=True)
compaction.compact(load(Path(sys.argv[1])), lambda line: None)
"""


@pytest.mark.slow
def test_a_pass_that_is_killed_is_done_again_and_nothing_is_there_twice(tmp_path: Path) -> None:
    plant = Kept(configured(tmp_path / "plant"))
    for day in range(30):
        plant.send([5.0, 5.0 + day / 1000, 5.0])
        plant.wait(86_400)
    chance = Random(5)
    recall = recall_of(plant.config)
    sent = sorted(plant.sent)
    partly = 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(plant.config.path)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        sleep(chance.uniform(0.0, 0.4))
        child.kill()
        child.wait()
        child.stdout.close()
        page = recall.page(LEVEL, (EARLIEST, LATEST), limit=10_000)  # a query in between, too
        assert list(zip(page.readings.clock.t_ns.tolist(), page.readings.values.tolist(), strict=True)) == [s[:2] for s in sent]  # fmt: skip
        partly += 0 < len(list((plant.config.data_dir / DIRECTORY).glob("*/*.tvc"))) < 30
    assert partly, "no kill met a pass at work"
    compact(plant.config, lambda _: None)
    files = sorted((plant.config.data_dir / DIRECTORY).glob("*/*"))
    assert len(files) == 30
    assert {f.suffix for f in files} == {".tvc"}
    plant.close()
