"""Values a second from a real mosquitto through edge and gate 1, and what reading messages costs.

End to end: prepared bytes are published with QoS 1 as fast as the broker takes them; the edge hears, translates, seals
and spools durably; gate 1 in the same process verifies, judges and labels. Wall time from the first message sent to
the last reading admitted. Reading: CPU time of our Sparkplug reader against the protobuf package, and of our JSON
reader against msgspec, over the same messages in alternating rounds.
"""

import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from twinvouch.adapters.mqtt import Broker as Address
from twinvouch.adapters.mqtt import MqttSource
from twinvouch.adapters.spool import Spool
from twinvouch.app.bench.plant import TAGS, Plant50
from twinvouch.app.clock import SystemClock
from twinvouch.app.edge import EdgeParts, EdgeSetup, run_edge
from twinvouch.app.edge_listen import Broker
from twinvouch.core.batch import Quality
from twinvouch.core.context import Context
from twinvouch.core.errors import UsageError
from twinvouch.core.event import BatchReceived, Plain
from twinvouch.core.inventory import MqttFormat, MqttPoint, Rhythm
from twinvouch.core.site import SECOND, Site
from twinvouch.readings.gate import Accepted, admit
from twinvouch.readings.link import Link
from twinvouch.twin.frame import Frame
from twinvouch.wire.mqtt_json import read_message
from twinvouch.wire.sparkplug import DataType, Metric, Payload, read_payload, write_payload

SPARKPLUG: Final = 1_000  # messages of 50 metrics
PLAIN: Final = 10_000  # messages of one value
ROUNDS: Final = 15
WAIT_S: Final = 120.0


def run() -> dict[str, float | int]:
    """Values a second end to end for both formats, and the ratios of reading."""
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if mosquitto is None or find_spec("google.protobuf") is None or find_spec("msgspec") is None:
        raise UsageError("needs mosquitto (apt-get install mosquitto) and twinvouch[dev]")
    with tempfile.TemporaryDirectory(prefix="twinvouch-bench-") as name:
        folder = Path(name)
        port = _free_port()
        (folder / "m.conf").write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
            "max_inflight_messages 0\n"
        )
        broker = subprocess.Popen(
            [mosquitto, "-c", folder / "m.conf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port)
            sparkplug = asyncio.run(_through(folder / "s.spool", port, MqttFormat.SPARKPLUG))
            plain = asyncio.run(_through(folder / "j.spool", port, MqttFormat.JSON))
        finally:
            broker.terminate()
            broker.wait()
    return {
        "mqtt_sparkplug_values_per_message": TAGS,
        "mqtt_sparkplug_values_per_s": round(SPARKPLUG * TAGS / sparkplug[0]),
        "mqtt_sparkplug_cpu_us_per_value": sparkplug[1] * 1e6 / (SPARKPLUG * TAGS),
        "mqtt_json_values_per_s": round(PLAIN / plain[0]),
        "mqtt_json_cpu_us_per_value": plain[1] * 1e6 / PLAIN,
        **_reading(),
    }


class _Gate:
    """A transport that ends in gate 1 and counts the readings it admitted."""

    def __init__(self, site: Site) -> None:
        self._site, self._frame = site, Frame(site.plant)
        self._links: dict[str, Link] = {}
        self.readings = 0

    async def send(self, _path: str, body: bytes) -> tuple[int, Mapping[str, Plain]]:
        now_ns = time.time_ns()
        event = BatchReceived(bytes(16), "bench", body)
        got = admit(event, self._site, self._links, self._frame, Context(), now_ns)
        assert isinstance(got, Accepted), got
        self._links[got.link.edge] = got.link
        if len(got.admitted.batch.t_ns):
            self._frame.update(got.admitted, 0, now_ns)
        self.readings += int((got.admitted.batch.quality != Quality.MISSING).sum())
        return 200, {"status": "admitted"}


async def _through(file: Path, port: int, form: MqttFormat) -> tuple[float, float]:
    """Seconds of wall and of CPU from the first message sent to the last reading admitted."""
    plant = Plant50()
    site = _site(plant, form)
    gate = _Gate(site)
    spool = Spool(file, "edge")
    source = MqttSource(Address("127.0.0.1", port, f"edge-{form}", queue=1_000_000))
    brokers = [Broker("b", source)]
    parts = EdgeParts({}, spool, plant.signer, gate, SystemClock(), brokers=brokers)
    setup = EdgeSetup(site.plant, "edge", gather_ns=SECOND // 20, max_rows=50_000)
    stop = asyncio.Event()
    running = asyncio.create_task(run_edge(setup, parts, stop))
    try:
        return await _measured(gate, port, form)
    finally:
        stop.set()
        await running
        spool.close()


async def _measured(gate: _Gate, port: int, form: MqttFormat) -> tuple[float, float]:
    born, messages = _messages(form)
    while not gate.readings:  # until the edge listens
        await _publish(port, born())
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    wanted = gate.readings + len(messages) * (TAGS if form is MqttFormat.SPARKPLUG else 1)
    began, cpu = time.monotonic(), time.process_time()
    publishing = asyncio.create_task(_publish(port, messages))
    while gate.readings < wanted:
        if time.monotonic() - began > WAIT_S:
            raise UsageError(f"{wanted - gate.readings} of {wanted} readings did not come")
        await asyncio.sleep(0.01)
    took = time.monotonic() - began, time.process_time() - cpu
    await publishing
    return took


def _site(plant: Plant50, form: MqttFormat) -> Site:
    site = plant.site()
    tags = []
    for k, tag in enumerate(plant.group.tags):
        if form is MqttFormat.SPARKPLUG:
            point = MqttPoint("b", form, "bench/node", metric=f"m{k}")
        else:
            point = MqttPoint("b", form, f"bench/t{k}", value="/v", time="/t")
        tags.append(replace(tag, mqtt=point, rate=float("inf")))
    group = replace(plant.group, tags=tuple(tags), rhythm=Rhythm.EXCEPTION)
    return replace(site, plant=replace(site.plant, groups={"g": group}))


Sent = list[tuple[str, bytes]]


def _messages(form: MqttFormat) -> tuple[Callable[[], Sent], Sent]:
    """What is said until somebody listens, and what is measured."""
    base = time.time_ns() // 1_000_000
    if form is MqttFormat.JSON:
        told = [
            (
                f"bench/t{n % TAGS}",
                json.dumps({"v": n * 0.001, "t": base + 3000 + n // 10}).encode(),
            )
            for n in range(PLAIN)
        ]
        return (lambda: [("bench/t0", json.dumps({"v": 1.0, "t": base}).encode())]), told
    return _birth, _sparkplug_data(base + 60_000)


def _birth() -> Sent:
    metrics = (
        Metric("bdSeq", datatype=DataType.UINT64, value=0),
        *(Metric(f"m{k}", k, datatype=DataType.DOUBLE, value=0.0) for k in range(TAGS)),
    )
    payload = Payload(time.time_ns() // 1_000_000, 0, metrics)
    return [("spBv1.0/bench/NBIRTH/node", write_payload(payload))]


def _sparkplug_data(base: int) -> Sent:
    base -= 60_000 - 3_000  # a little ahead of now, so that it is newer than every birth
    return [
        (
            "spBv1.0/bench/NDATA/node",
            write_payload(
                Payload(
                    base + n,
                    (n + 1) % 256,
                    tuple(Metric(alias=k, value=n * 0.001 + k) for k in range(TAGS)),
                )
            ),
        )
        for n in range(SPARKPLUG)
    ]


async def _publish(port: int, messages: Sent) -> None:
    """Publish with QoS 1 as bytes prepared before, so that the broker sets the pace and not a client."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes.fromhex("1011 0004 4d515454 04 02 003c 0005") + b"bench")  # CONNECT, 3.1.1
    await reader.readexactly(4)  # CONNACK
    acknowledged = asyncio.create_task(reader.readexactly(4 * len(messages)))  # PUBACKs
    for n, (topic, payload) in enumerate(messages):
        name = topic.encode()
        body = len(name).to_bytes(2) + name + (n % 65_535 + 1).to_bytes(2) + payload
        writer.write(b"\x32" + _length(len(body)) + body)  # PUBLISH, QoS 1
    await writer.drain()
    await acknowledged
    writer.write(b"\xe0\x00")
    writer.close()
    await writer.wait_closed()


def _length(value: int) -> bytes:
    """The remaining length of an MQTT packet (MQTT 3.1.1, 2.2.3)."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | 0x80 if value else low)
        if not value:
            return bytes(out)


def _reading() -> dict[str, float | int]:
    """CPU of reading the same messages, ours against the baseline; medians of alternating rounds."""
    import msgspec

    oracle = _protobuf()
    sparkplug = [raw for _, raw in _sparkplug_data(1_790_000_000_000)[:200]]
    plain = [json.dumps({"v": n * 0.25, "t": 1_790_000_000_000 + n}).encode() for n in range(5_000)]
    ours, theirs = _cpu(sparkplug, read_payload, lambda raw: _walk(oracle.FromString(raw)))
    mine, others = _cpu(plain, read_message, msgspec.json.decode)
    return {
        "sparkplug_cpu_vs_protobuf": ours / theirs,
        "sparkplug_us_per_value": ours / 1e3 / (len(sparkplug) * TAGS),
        "json_cpu_vs_msgspec": mine / others,
        "json_us_per_message": mine / 1e3 / len(plain),
    }


def _cpu(
    messages: Sequence[bytes], ours: Callable[[bytes], Any], theirs: Callable[[bytes], Any]
) -> tuple[float, float]:
    """Median ns of CPU of each side over all messages."""
    spent: tuple[list[int], list[int]] = ([], [])
    for _ in range(ROUNDS):
        for read, times in zip((ours, theirs), spent, strict=True):
            began = time.process_time_ns()
            for raw in messages:
                read(raw)
            times.append(time.process_time_ns() - began)
    return statistics.median(spent[0]), statistics.median(spent[1])


def _walk(payload: Any) -> list[tuple[int, float]]:
    """What our reader gives too: every metric's alias and value as Python objects."""
    return [(m.alias, m.double_value) for m in payload.metrics]


def _protobuf() -> Any:
    """The fields of the payload that are read here, as a message class of the protobuf package."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="bench.proto", package="b", syntax="proto2")
    metric = file.message_type.add(name="Metric")
    payload = file.message_type.add(name="Payload")
    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    kinds = (
        ("name", 1, field.TYPE_STRING),
        ("alias", 2, field.TYPE_UINT64),
        ("timestamp", 3, field.TYPE_UINT64),
        ("datatype", 4, field.TYPE_UINT32),
        ("double_value", 13, field.TYPE_DOUBLE),
    )
    for name, number, kind in kinds:
        metric.field.add(name=name, number=number, type=kind, label=one)
    payload.field.add(name="timestamp", number=1, type=field.TYPE_UINT64, label=one)
    payload.field.add(
        name="metrics", number=2, type=field.TYPE_MESSAGE, type_name=".b.Metric", label=many
    )
    payload.field.add(name="seq", number=3, type=field.TYPE_UINT64, label=one)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("b.Payload"))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise UsageError("mosquitto does not listen")
