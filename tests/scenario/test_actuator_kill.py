"""kill -9 of the actuator at every boundary: at most one write, and nothing that was spent is sent again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# One permit, one device whose registers and received writes are files; the process kills itself at the
# boundary it was given. Without one it resolves, is given the same permit again, and prints what it reports.
CHILD = """
import asyncio, json, os, signal, sys
from pathlib import Path
from tests.unit.app.permits import LIMITS, NOW, OWN, PLANT, Clock, permit, sealed
from twinvouch.adapters.actuator_journal import ActuatorJournal
from twinvouch.app.actuator import Actuator
from twinvouch.wire.cose import unseal
from twinvouch.wire.outcome import read_outcome

directory, boundary = Path(sys.argv[1]), sys.argv[2]
registers, writes = directory / "registers.json", directory / "writes"

def reach(name):
    if name == boundary:
        os.kill(os.getpid(), signal.SIGKILL)

class Plc:
    reads = 0
    async def read(self, unit, table, address, count):
        self.reads += 1
        reach(f"before read {self.reads}")
        words = json.loads(registers.read_text()) if registers.exists() else [0, 0]
        return tuple(words)
    async def write(self, unit, table, address, words):
        reach("before write")
        with writes.open("a") as file:
            file.write(f"{address} {list(words)}\\n")
        reach("request sent")
        registers.write_text(json.dumps(list(words)))
        reach("after write")

class Journal(ActuatorJournal):
    def spend(self, spending):
        reach("before spend")
        super().spend(spending)
        reach("after spend")
    def finish(self, nonce, sealed):
        reach("before outcome")
        super().finish(nonce, sealed)
        reach("after outcome")

journal = Journal(directory / "actuator", PLANT, NOW, LIMITS.max_ttl_ns)
plc = Plc()
actuator = Actuator(LIMITS, {"plc-1": plc, "plc-2": plc}, journal, OWN, Clock(), lambda: None)

async def main():
    await actuator.resolve()
    await actuator.take(sealed(permit(1)))

asyncio.run(main())
outcomes = [read_outcome(unseal(raw).content, PLANT) for _, raw in journal.outbox]
print(json.dumps([[o.status, list(o.read_back)] for o in outcomes]))
"""


def child(directory: Path, boundary: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(directory), boundary],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


ONE = [0x3F80, 0]
UNKNOWN_BEFORE, UNKNOWN_AFTER = ["unknown", [0, 0]], ["unknown", ONE]
BOUNDARIES = {
    # boundary: what is reported after the restart, how many writes the device has got in all
    "before spend": (["executed", ONE], 1),
    "after spend": (UNKNOWN_BEFORE, 0),
    "before read 1": (UNKNOWN_BEFORE, 0),
    "before write": (UNKNOWN_BEFORE, 0),
    "request sent": (UNKNOWN_BEFORE, 1),
    "after write": (UNKNOWN_AFTER, 1),
    "before read 2": (UNKNOWN_AFTER, 1),
    "before outcome": (UNKNOWN_AFTER, 1),
    "after outcome": (["executed", ONE], 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_permit_is_used_at_most_once_over_kill_9(tmp_path: Path, boundary: str) -> None:
    reported, writes = BOUNDARIES[boundary]
    killed = child(tmp_path, boundary)
    assert killed.returncode == -9, killed.stderr
    for _ in range(2):
        again = child(tmp_path, "")
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout) == [reported]
    sent = tmp_path / "writes"
    assert (sent.read_text().count("\n") if sent.exists() else 0) == writes
