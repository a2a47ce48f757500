"""What the guard proxy adds to a read: the same client asks the same controller directly and through the proxy, in turn.

Client, controller and proxy are processes of their own, on loopback; the proxy is that of the product with its event loop,
before a core that is there. Added is the difference of the percentiles of the two ways, in one run.
"""

import asyncio
import gc
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twinvouch.app.bench.proxy_plant import Plant
from twinvouch.app.bench.proxy_site import running
from twinvouch.app.proxy import loop_factory
from twinvouch.core.inventory import Table
from twinvouch.wire.modbus import read_of, write_request
from twinvouch.wire.modbus_stream import write_frame

REGISTERS = 10
WARM_UP, MEASURED = 1_000, 10_000
_PATIENCE_S = 20.0


def run() -> dict[str, float | int]:
    """`proxy_added_p50_us` and `proxy_added_p99_us`, with the percentiles of both ways."""
    with _process("plant") as plant, _process("proxy", plant) as proxy:
        direct, through = _in_turn(int(plant), int(proxy))
    ways = {"direct": direct, "proxied": through}
    figures: dict[str, float | int] = {}
    for name, times in ways.items():
        figures[f"proxy_{name}_p50_us"] = statistics.median(times) / 1e3
        figures[f"proxy_{name}_p99_us"] = sorted(times)[int(len(times) * 0.99)] / 1e3
    for p in ("p50", "p99"):
        added = figures[f"proxy_proxied_{p}_us"] - figures[f"proxy_direct_{p}_us"]
        figures[f"proxy_added_{p}_us"] = added
    return figures | {"proxy_reads": MEASURED}


def _in_turn(plant: int, proxy: int) -> tuple[list[int], list[int]]:
    """Times of reads in ns, directly and through the proxy."""
    pdu = write_request(read_of(Table.HOLDING, 0, REGISTERS))
    spent: tuple[list[int], list[int]] = ([], [])
    with _connected(plant) as one, _connected(proxy) as two:
        gc.disable()
        for number in range(WARM_UP + MEASURED):
            frame = write_frame(number & 0xFFFF, 1, pdu)
            for line, times in zip((one, two), spent, strict=True):
                times.append(_asked(line, frame))
        gc.enable()
    return spent[0][WARM_UP:], spent[1][WARM_UP:]


def _asked(line: socket.socket, frame: bytes) -> int:
    began = time.perf_counter_ns()
    line.sendall(frame)
    answer = line.recv(4096)
    took = time.perf_counter_ns() - began
    assert len(answer) == 9 + 2 * REGISTERS, answer
    assert answer[:2] == frame[:2]
    return took


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield line


@contextmanager
def _process(role: str, plant: str = "0") -> Iterator[str]:
    """A process of its own, as long as it is needed; the port that it listens on."""
    arguments = [sys.executable, "-m", "twinvouch.app.bench.proxy_latency", role, plant]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.kill()
        child.communicate()


async def _plant() -> None:
    plant = Plant()
    await plant.open()
    print(plant.port, flush=True)
    await asyncio.Event().wait()


async def _proxy(port: int) -> None:
    with tempfile.TemporaryDirectory(prefix="twinvouch-proxy-") as name:
        async with running(Path(name), before=port) as site:
            await site.proxy.open()
            gc.collect()
            gc.freeze()
            print(site.proxy.fronts[0].port, flush=True)
            await asyncio.Event().wait()


def _main(role: str, port: int) -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_plant() if role == "plant" else _proxy(port))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
