"""The MQTT adapter without a broker: its queue and its errors. With one it is tested in tests/mqtt."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import MQTTMessage

from twinvouch.adapters import mqtt
from twinvouch.adapters.known_secrets import HIDDEN, hidden
from twinvouch.core.errors import ConfigError, UnavailableError


def message(payload: bytes) -> Any:
    told = MQTTMessage(1, b"t")
    told.payload = payload
    return mqtt.aiomqtt.Message._from_paho_message(told)


def test_what_does_not_fit_is_counted_and_room_comes_back() -> None:
    async def story() -> None:
        queue = mqtt._Queue(2)
        for _ in range(3):
            queue.put_nowait(message(b"x"))
        assert (queue.qsize(), queue.dropped, queue.size) == (2, 1, 2)
        assert (await queue.get()).payload == b"x"
        queue.put_nowait(message(b"yy"))
        assert (queue.qsize(), queue.dropped, queue.size) == (2, 1, 3)

    asyncio.run(story())


def test_bytes_have_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "MOST_BYTES", 10)

    async def story() -> None:
        queue = mqtt._Queue(100)
        for _ in range(4):
            queue.put_nowait(message(b"four"))
        assert (queue.qsize(), queue.dropped) == (2, 2)
        queue.get_nowait()
        queue.put_nowait(message(b"four"))
        assert (queue.qsize(), queue.size) == (2, 8)

    asyncio.run(story())


def test_no_broker_is_unavailable_and_no_password_file_a_mistake(tmp_path: Path) -> None:
    async def connect(**but: Any) -> None:
        source = mqtt.MqttSource(mqtt.Broker("127.0.0.1", 1, "edge", **but))
        async with source.session(["t"]):
            raise AssertionError("connected to nothing")

    with pytest.raises(UnavailableError, match="does not answer"):
        asyncio.run(connect())
    with pytest.raises(ConfigError, match="cannot be read"):
        asyncio.run(connect(username="x", password_file=tmp_path / "none"))


def test_the_password_of_a_broker_is_kept_out_of_everything_that_is_written(tmp_path: Path) -> None:
    file = tmp_path / "broker.password"
    file.write_text("only-the-broker-knows\nnot this\n")
    assert mqtt._password(file) == "only-the-broker-knows"
    assert hidden("refused: only-the-broker-knows") == f"refused: {HIDDEN}"
