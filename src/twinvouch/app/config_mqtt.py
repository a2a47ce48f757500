"""Settings of MQTT sources: the brokers of an edge (`mqtt:`), and where a tag stands in their messages."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from twinvouch.app.config_types import FileName, Frozen, Host, Id, Name, Port, TlsFiles
from twinvouch.core.inventory import MqttFormat
from twinvouch.wire.mqtt_json import TimeUnit, pointer


def _topic(text: str) -> str:
    if not text or re.search(r"[+#\x00]", text):
        raise ValueError("one topic, without the wildcards + and #")
    return text


def _pointer(text: str) -> str:
    pointer(text)
    return text


Topic = Annotated[str, Field(max_length=1_000), AfterValidator(_topic)]
Pointer = Annotated[str, Field(max_length=1_000), AfterValidator(_pointer)]


class BrokerSettings(Frozen):
    """One of `mqtt:` of an edge: a broker it subscribes at. Passwords stand in files."""

    host: Host
    port: Port = 1883
    version: Literal["3.1.1", "5"] = "5"
    client_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    username: Name | None = None
    password_file: FileName | None = None
    tls: TlsFiles | None = None
    keepalive_s: Annotated[int, Field(ge=1, le=3_600)] = 30
    queue: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    rebirth: bool = False


class MqttSettings(Frozen):
    """`mqtt:` of a tag: which broker, topic and field it comes from."""

    broker: Id
    format: MqttFormat
    topic: Topic
    metric: Annotated[str, Field(max_length=1_000)] = ""
    value: Pointer = ""
    time: Pointer | None = None
    time_unit: TimeUnit = TimeUnit.MILLISECONDS
    quality: Pointer | None = None
