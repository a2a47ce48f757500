"""An edge that listens to a broker, and gate 1 behind it, in one event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiomqtt

from tests.unit.readings.world import PLANT, SECOND, Line, group_of, signer, site_of
from twinvouch.adapters.mqtt import Broker as Address
from twinvouch.adapters.mqtt import MqttSource
from twinvouch.adapters.spool import Spool
from twinvouch.app.clock import SystemClock
from twinvouch.app.edge import EdgeParts, EdgeSetup, run_edge
from twinvouch.app.edge_listen import Broker
from twinvouch.core.event import Plain
from twinvouch.core.finding import Finding
from twinvouch.core.inventory import Edge, MqttFormat, MqttPoint, Rhythm, Tag
from twinvouch.readings.gate import Accepted
from twinvouch.wire.sparkplug import DataType, Metric, Payload, write_payload

TEMPERATURE, PRESSURE, FLOW, LEVEL, POWER = (
    f"cell/{n}" for n in ("temperature", "pressure", "flow", "level", "power")
)
POINTS = {
    TEMPERATURE: MqttPoint("b", MqttFormat.SPARKPLUG, "plant/node", metric="T"),
    PRESSURE: MqttPoint("b", MqttFormat.SPARKPLUG, "plant/node/dev", metric="P", scale=0.001),
    FLOW: MqttPoint("b", MqttFormat.JSON, "cell/flow", value="/v", time="/t", quality="/q"),
    LEVEL: MqttPoint("b", MqttFormat.JSON, "cell/level", value="/v"),
    POWER: MqttPoint("b", MqttFormat.SENML, "cell/senml", metric="urn:dev:1:power"),
}


def line() -> Line:
    """Gate 1 of a plant whose one edge has one group by exception."""
    tags = [
        Tag(name, "W" if name == POWER else "x", group="slow", mqtt=p) for name, p in POINTS.items()
    ]
    site = site_of([Tag("tank/level", "m", group="fast"), *tags])
    slow = replace(group_of("slow", "edge-1", tags, max_age_s=60), rhythm=Rhythm.EXCEPTION)
    plant = replace(
        site.plant,
        groups={"fast": site.plant.groups["fast"], "slow": slow},
        edges={"edge-1": Edge("edge-1", ("fast", "slow"), 130)},
    )
    return Line(replace(site, plant=plant), now=time.time_ns())


class Core:
    """A transport that ends in gate 1."""

    def __init__(self, at: Line) -> None:
        self.line = at
        self.findings: list[Finding] = []
        self.refused: list[Finding] = []

    async def send(self, _path: str, body: bytes) -> tuple[int, Mapping[str, Plain]]:
        self.line.now = time.time_ns()
        got = self.line.send(body, 0)
        if isinstance(got, Accepted):
            self.findings += got.admitted.findings
        else:
            self.refused.append(got.finding)
        return 200, {"status": "admitted"}

    @property
    def rules(self) -> list[str]:
        return [f.rule for f in self.findings]

    def label(self, tag: str) -> int:
        return int(self.line.frame.label([tag], time.time_ns()).axes.min())

    async def until(self, what: Callable[[], bool], words: str) -> None:
        """Wait for the state; a test that waits in vain fails with what was found."""
        for _ in range(3000):
            if what():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{words}: {self.rules}, {self.refused}")

    async def until_value(self, tag: str, value: float) -> None:
        await self.until(lambda: self.line.frame.value(tag) == value, f"{tag} is not {value}")

    async def until_rule(self, rule: str, times: int = 1) -> Finding:
        await self.until(lambda: self.rules.count(rule) >= times, f"no {rule}")
        return next(f for f in reversed(self.findings) if f.rule == rule)


@asynccontextmanager
async def listening(
    folder: Path, port: int, version: str, *, may_ask: bool = False
) -> AsyncIterator[Core]:
    """An edge that listens at the broker until the block ends."""
    at = line()
    core = Core(at)
    spool = Spool(folder / "edge.spool", "edge-1")
    source = MqttSource(Address("127.0.0.1", port, "edge-1", version))
    parts = EdgeParts(
        {},
        spool,
        signer("edge-1"),
        core,
        SystemClock(),
        lambda: 0.0,
        [Broker("b", source, may_ask)],
    )
    setup = EdgeSetup(at.site.plant, "edge-1", gather_ns=20_000_000)
    stop = asyncio.Event()
    running = asyncio.create_task(run_edge(setup, parts, stop))
    try:
        yield core
    finally:
        stop.set()
        await running
        spool.close()
    assert core.refused == []
    assert PLANT


@asynccontextmanager
async def publishing(port: int) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", port, identifier="node") as client:
        yield client


class Node:
    """A Sparkplug node that publishes what a test says, sequence and time under its control."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.ms = time.time_ns() // 1_000_000 - 1000

    async def send(
        self,
        kind: str,
        metrics: Sequence[Metric],
        seq: int | None,
        device: str = "",
        ms: int | None = None,
    ) -> tuple[str, bytes]:
        if ms is None:
            self.ms += 1
            ms = self.ms
        raw = write_payload(Payload(ms, seq, tuple(metrics)))
        topic = f"spBv1.0/plant/{kind}/node" + (f"/{device}" if device else "")
        await self._client.publish(topic, raw, qos=1)
        return topic, raw

    async def birth(self, value: float, bd_seq: int = 0) -> tuple[str, bytes]:
        told = Metric("bdSeq", datatype=DataType.UINT64, value=bd_seq)
        t = Metric("T", alias=1, datatype=DataType.DOUBLE, value=value)
        return await self.send("NBIRTH", (told, t), 0)

    async def data(self, value: float, seq: int, ms: int | None = None) -> tuple[str, bytes]:
        return await self.send("NDATA", (Metric(alias=1, value=value),), seq, ms=ms)

    async def death(self, bd_seq: int) -> None:
        told = Metric("bdSeq", datatype=DataType.UINT64, value=bd_seq)
        await self.send("NDEATH", (told,), None)


__all__ = ["SECOND"]
