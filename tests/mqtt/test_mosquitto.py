"""Sparkplug, plain JSON and SenML through a real mosquitto, over both protocol versions, to gate 1."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mqtt.broker import Mosquitto, needs_mosquitto
from tests.mqtt.site import FLOW, LEVEL, POWER, PRESSURE, TEMPERATURE, Node, listening, publishing
from twinvouch.core.batch import Quality
from twinvouch.wire.cbor import encode
from twinvouch.wire.sparkplug import DataType, Metric, read_payload

pytestmark = [pytest.mark.slow, needs_mosquitto]
VERSIONS = ("3.1.1", "5")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path)
    started.start()
    yield started
    started.kill()


async def births(node: Node, core: "object", value: float, bd_seq: int = 0) -> None:
    """Births are not retained: said until the edge, which may not listen yet, has heard one."""
    for _ in range(300):
        await node.birth(value, bd_seq)
        await asyncio.sleep(0.1)
        if core.line.frame.value(TEMPERATURE) == value:  # type: ignore[attr-defined]
            return
    raise AssertionError("no birth was heard")


@pytest.mark.parametrize("version", VERSIONS)
def test_each_thing_a_sparkplug_node_does_gets_its_finding(
    broker: Mosquitto, tmp_path: Path, version: str
) -> None:
    async def story() -> None:
        async with listening(tmp_path, broker.port, version) as core, publishing(broker.port) as c:
            node = Node(c)
            await births(node, core, 1.0)
            await core.until_rule("sparkplug_birth")
            _, second = await node.data(2.0, 1)
            await core.until_value(TEMPERATURE, 2.0)
            assert core.label(TEMPERATURE) == 130
            late_ms = node.ms = node.ms + 1
            await node.data(3.0, 3)
            gap = await core.until_rule("sparkplug_sequence")
            assert dict(gap.evidence) == {"count": 1, "seq": 3, "expected": 2, "missing": 1}
            await node.data(2.5, 2, ms=late_ms)
            await core.until_rule("sparkplug_reorder")
            assert core.line.frame.value(TEMPERATURE) == 3.0
            await c.publish("spBv1.0/plant/NDATA/node", second, qos=1)
            replay = await core.until_rule("sparkplug_replay")
            assert dict(replay.evidence)["seq"] == 1
            await node.death(bd_seq=9)
            await core.until_rule("sparkplug_replay", 2)
            assert core.label(TEMPERATURE) == 130, "a death of another session is no death"
            await node.death(bd_seq=0)
            await core.until_rule("sparkplug_death")
            await core.until(lambda: core.label(TEMPERATURE) == 0, "still trusted after its death")
            await node.data(4.0, 4)
            await core.until_rule("sparkplug_no_birth")
            last = core.line.frame.last(TEMPERATURE)
            assert last is not None
            assert (last.value, last.quality) == (3.0, Quality.BAD)
            await births(node, core, 5.0, bd_seq=1)
            assert core.label(TEMPERATURE) == 130

    asyncio.run(story())


@pytest.mark.parametrize("version", VERSIONS)
def test_devices_are_born_speak_and_die(broker: Mosquitto, tmp_path: Path, version: str) -> None:
    async def story() -> None:
        async with listening(tmp_path, broker.port, version) as core, publishing(broker.port) as c:
            node = Node(c)
            await births(node, core, 1.0)
            p = Metric("P", alias=7, datatype=DataType.INT32, value=(1 << 32) - 5_000)
            await node.send("DBIRTH", (p,), 1, "dev")
            await core.until_value(PRESSURE, -5.0)
            await node.send("DDATA", (Metric(alias=7, value=9_000),), 2, "dev")
            await core.until_value(PRESSURE, 9.0)
            await node.send("DDATA", (Metric(alias=7, is_null=True),), 3, "dev")
            await core.until(lambda: core.label(PRESSURE) == 0, "null is not BAD")
            await node.send("DDATA", (Metric(alias=7, value=8_000),), 4, "dev")
            await core.until_value(PRESSURE, 8.0)
            await node.send("DDEATH", (), 5, "dev")
            await core.until_rule("sparkplug_death")
            await core.until(lambda: core.label(PRESSURE) == 0, "still trusted after its death")
            assert core.label(TEMPERATURE) == 130, "the node lives"

    asyncio.run(story())


@pytest.mark.parametrize("version", VERSIONS)
def test_plain_json_and_senml(broker: Mosquitto, tmp_path: Path, version: str) -> None:
    async def story() -> None:
        async with publishing(broker.port) as c:
            await c.publish("cell/level", b'{"v": 77}', qos=1, retain=True)
            old_ms = time.time_ns() // 1_000_000 - 5_000
            kept = json.dumps({"v": 1.5, "t": old_ms, "q": "good"}).encode()
            await c.publish("cell/flow", kept, qos=1, retain=True)
            async with listening(tmp_path, broker.port, version) as core:
                await core.until_value(FLOW, 1.5)
                last = core.line.frame.last(FLOW)
                assert last is not None
                assert last.t_ns == old_ms * 1_000_000, "a retained message is as old as it says"
                await core.until_rule("source_retained")
                assert core.line.frame.value(LEVEL) is None, "and not live where it does not say"
                await c.publish("cell/level", b'{"v": 7.5, "x": [1]}', qos=1)
                await core.until_value(LEVEL, 7.5)
                await c.publish("cell/level", b'{"v": null}', qos=1)
                await core.until(lambda: core.label(LEVEL) == 0, "null is not BAD")
                await c.publish("cell/level", b'{"v": 1e999}', qos=1)
                await c.publish("cell/level", b"[" * 100_000, qos=1)
                await core.until_rule("source_malformed")
                pack = [{"bn": "urn:dev:1:", "bu": "W", "n": "power", "v": 21.5, "t": -1}]
                await c.publish("cell/senml", json.dumps(pack).encode(), qos=1)
                await core.until_value(POWER, 21.5)
                cbor = encode([{-2: "urn:dev:1:", 0: "power", 1: "W", 2: 22.5}])
                await c.publish("cell/senml", cbor, qos=1)
                await core.until_value(POWER, 22.5)

    asyncio.run(story())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_broker_that_dies_is_told_and_the_edge_comes_back(
    broker: Mosquitto, tmp_path: Path, version: str
) -> None:
    async def story() -> None:
        async with listening(tmp_path, broker.port, version) as core:
            for value in (1, 2):
                async with publishing(broker.port) as c:
                    for _ in range(300):
                        await c.publish("cell/level", b'{"v": %d}' % value, qos=1)
                        await asyncio.sleep(0.1)
                        if core.line.frame.value(LEVEL) == value:
                            break
                    await core.until_value(LEVEL, value)
                if value == 1:
                    broker.kill()
                    await core.until_rule("source_lost")
                    broker.start()
                    await core.until_rule("source_back")

    asyncio.run(story())


def test_an_edge_that_may_asks_a_node_it_does_not_know_for_its_birth(
    broker: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        async with publishing(broker.port) as c:
            await c.subscribe("spBv1.0/plant/NCMD/node", qos=1)
            async with listening(tmp_path, broker.port, "5", may_ask=True) as core:
                node = Node(c)
                for n in range(300):
                    await node.data(1.0, n % 256)
                    await asyncio.sleep(0.1)
                    if "sparkplug_no_birth" in core.rules:
                        break
                asked = await anext(aiter(c.messages))
                assert isinstance(asked.payload, bytes)
                (metric,) = read_payload(asked.payload).metrics
                assert (metric.name, metric.value) == ("Node Control/Rebirth", True)

    asyncio.run(story())
