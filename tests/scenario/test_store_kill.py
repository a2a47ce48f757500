"""kill -9 in mid-write: what the log and the state store acknowledged is there afterwards, in order."""

import subprocess
import sys
from pathlib import Path
from random import Random
from time import sleep

import pytest

from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState

KILLS = 10

# Commit order of the core: log, fdatasync, one transaction; only then the number is acknowledged.
CHILD = """
import sys
from pathlib import Path
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.core.ports import Group

directory = Path(sys.argv[1])
state = SqliteState(directory / "state.db")
log = SegmentLog(directory / "log", 100_000, known=state.load()[1])
for number, record in log.records(state.load()[1]):
    leaf = (state.leaf_count(), record[:20])
    state.commit(Group({"last": record[:20]}, [], [leaf], number + 1))
while True:
    number = log.append(b"%020d" % log.end + bytes(3000))
    log.sync()
    leaf = b"%020d" % number
    state.commit(Group({"last": leaf}, [(leaf, leaf)], [(number, leaf)], number + 1))
    print(number, flush=True)
"""


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    chance = Random(7)
    acknowledged = -1
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        sleep(chance.uniform(0, 0.08))
        child.kill()
        rest = child.stdout.read().splitlines()
        child.wait()
        child.stdout.close()
        numbers = [int(line) for line in [first, *rest] if line.strip()]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        acknowledged = max(acknowledged, numbers[-1])

        state = SqliteState(tmp_path / "state.db")
        rows, log_end = state.load()
        assert log_end > acknowledged
        assert state.leaf_count() == log_end
        assert rows["last"] == b"%020d" % (log_end - 1)
        assert state.leaves(0, log_end) == [b"%020d" % n for n in range(log_end)]
        log = SegmentLog(tmp_path / "log", 100_000, known=log_end)
        assert [record[:20] for _, record in log.records()] == [
            b"%020d" % n for n in range(log.end)
        ]
        log.close()
        state.close()
    assert acknowledged > KILLS
