"""An MQTT 3.1.1 or 5 broker, subscribed at with QoS 1. Messages wait in a bounded queue; what does not fit is counted.

Built on aiomqtt (extra `mqtt`). A session lasts until the broker or the network ends it: then UnavailableError,
and the caller connects again. Sessions are clean: what was published meanwhile is not sent later.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiomqtt

from twinvouch.adapters.known_secrets import remember
from twinvouch.core.errors import ConfigError, UnavailableError
from twinvouch.core.ports import Message

MOST_AT_ONCE: Final = 1_000  # messages that are given together
MOST_BYTES: Final = 64 << 20  # of messages that wait
TIMEOUT_S: Final = 10.0
_SILENT = logging.getLogger("twinvouch.mqtt")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # what it would say is said once, by the edge


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and how to speak to it. `password_file` holds the password on its first line."""

    host: str
    port: int
    client_id: str
    version: str = "5"
    username: str | None = None
    password_file: Path | None = None
    tls: ssl.SSLContext | None = None
    keepalive_s: int = 30
    queue: int = 10_000


class _Queue(asyncio.Queue[aiomqtt.Message]):
    """A queue bounded in messages and bytes that counts what it had no room for."""

    dropped = 0
    size = 0  # bytes of the payloads that wait

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Keep the message, or count it as dropped."""
        if self.full() or self.size + _size(item) > MOST_BYTES:
            self.dropped += 1
        else:
            super().put_nowait(item)
            self.size += _size(item)

    def get_nowait(self) -> aiomqtt.Message:
        """The oldest message."""
        item = super().get_nowait()
        self.size -= _size(item)
        return item


def _size(message: aiomqtt.Message) -> int:
    return len(message.payload)


class Session:
    """One connection to a broker."""

    def __init__(self, client: aiomqtt.Client, queue: _Queue) -> None:
        self._client = client
        self._queue = queue

    @property
    def dropped(self) -> int:
        """How many messages of this session did not fit into the queue."""
        return self._queue.dropped

    async def messages(self) -> AsyncIterator[list[Message]]:
        """Messages in the order they came, as many together as wait; UnavailableError at the end."""
        with _told_apart():
            async for first in self._client.messages:
                found = [first]
                while len(found) < MOST_AT_ONCE and not self._queue.empty():
                    found.append(self._queue.get_nowait())
                yield [_message(m) for m in found]

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 0."""
        with _told_apart():
            await self._client.publish(topic, payload, timeout=TIMEOUT_S)


class MqttSource:
    """A broker to connect to, again and again."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @asynccontextmanager
    async def session(self, topics: Sequence[str]) -> AsyncIterator[Session]:
        """A connection subscribed to these topic filters; UnavailableError where there is none to be had."""
        b = self._broker
        queues: list[_Queue] = []

        def make(maxsize: int = 0) -> _Queue:
            queues.append(_Queue(maxsize))
            return queues[0]

        is_five = b.version == "5"
        client = aiomqtt.Client(
            b.host,
            b.port,
            username=b.username,
            password=_password(b.password_file),
            identifier=b.client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if is_five else aiomqtt.ProtocolVersion.V311,
            clean_session=None if is_five else True,
            keepalive=b.keepalive_s,
            timeout=TIMEOUT_S,
            tls_context=b.tls,
            max_queued_incoming_messages=b.queue,
            queue_type=make,  # type: ignore[arg-type]
            logger=_SILENT,
        )
        with _told_apart():
            await client.__aenter__()
        try:
            with _told_apart():
                if topics:
                    await client.subscribe([(topic, 1) for topic in topics], timeout=TIMEOUT_S)
            yield Session(client, queues[0])
        finally:
            with suppress(aiomqtt.MqttError, OSError):
                await client.__aexit__(None, None, None)


@contextmanager
def _told_apart() -> Iterator[None]:
    """What the library raises, said as one of ours."""
    try:
        yield
    except (aiomqtt.MqttError, OSError) as error:
        raise UnavailableError(f"the broker does not answer: {error}"[:200]) from None


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return remember(file.read_text("utf-8").split("\n", 1)[0])
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"`{file}`: cannot be read: {error}") from None


def _message(m: aiomqtt.Message) -> Message:
    return Message(str(m.topic), m.payload, is_retained=bool(m.retain))
