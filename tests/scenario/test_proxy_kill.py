"""kill -9 of the proxy at every boundary of a client's write: at most one write at the controller, UNKNOWN is read back."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.unit.app.proxy_client import client

from twinvouch.app.bench.proxy_plant import Plant

ROOT = Path(__file__).resolve().parents[2]

# The process of the proxy: it kills itself at the boundary it was given. Without one it resolves what is open,
# prints what the actuator reports, and then lets clients in.
CHILD = """
import asyncio, json, os, signal, sys
from pathlib import Path
from twinvouch.adapters.modbus_tcp import ModbusDevice
from twinvouch.app.bench import proxy_site
from twinvouch.wire.cose import unseal
from twinvouch.wire.outcome import read_outcome

directory, port, boundary = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def reach(name):
    if name == boundary:
        os.kill(os.getpid(), signal.SIGKILL)

def around(owner, method, before, after):
    real = getattr(owner, method)
    if asyncio.iscoroutinefunction(real):
        async def wrapped(*args, **more):
            reach(before)
            result = await real(*args, **more)
            reach(after)
            return result
    else:
        def wrapped(*args, **more):
            reach(before)
            result = real(*args, **more)
            reach(after)
            return result
    setattr(owner, method, wrapped)

around(proxy_site.Core, "send", "before proposing", "after proposing")
around(proxy_site.Journal, "spend", "before spending", "after spending")
around(ModbusDevice, "write", "before writing", "after writing")
around(proxy_site.Journal, "finish", "before the outcome", "after the outcome")

async def main():
    async with proxy_site.running(directory, before=port) as site:
        await site.actuator.resolve()
        outcomes = [read_outcome(unseal(raw).content, "bench") for _, raw in site.journal.outbox]
        print(json.dumps([[o.status, list(o.read_back)] for o in outcomes]), flush=True)
        await site.proxy.open()
        print(site.proxy.fronts[0].port, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

BOUNDARIES = {
    # boundary: what is reported after the restart, how many writes the controller has got
    "before proposing": ([], 0),
    "after proposing": ([], 0),
    "before spending": ([], 0),
    "after spending": ([["unknown", [0]]], 0),
    "before writing": ([["unknown", [0]]], 0),
    "after writing": ([["unknown", [7]]], 1),
    "before the outcome": ([["unknown", [7]]], 1),
    "after the outcome": ([["executed", [7]]], 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_write_is_done_at_most_once_over_kill_9(tmp_path: Path, boundary: str) -> None:
    reported, writes = BOUNDARIES[boundary]

    async def child(plant: Plant, at: str) -> tuple[asyncio.subprocess.Process, object, int]:
        made = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, str(tmp_path), str(plant.port), at),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert made.stdout is not None
        said = json.loads(await made.stdout.readline())
        return made, said, int(await made.stdout.readline())

    async def act() -> None:
        plant = Plant()
        await plant.open()
        killed, said, port = await child(plant, boundary)
        assert said == []
        async with client(port) as asking:
            asking.ask(1, "06 0014 0007")
            assert await killed.wait() == -9
        assert len(plant.seen) == writes
        again, said, port = await child(plant, "")
        assert said == reported
        assert len(plant.seen) == writes, "nothing was sent again"
        async with client(port) as asking:
            assert await asking.told("06 0014 0009") == "0600140009"
        again.kill()
        await again.wait()
        assert len(plant.seen) == writes + 1
        await plant.close()

    asyncio.run(asyncio.wait_for(act(), 60))
