"""Listening: what one delivery of a broker says can never fill the memory of an edge."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from tests.unit.app.test_edge_messages import NOW, plain, translator
from twinvouch.app import edge_listen
from twinvouch.app.edge_listen import Broker, Listener
from twinvouch.app.edge_seal import AsyncSpool
from twinvouch.core.ports import Message


class Delivery:
    """A broker that gives many messages at once and ends the session."""

    dropped = 0

    @asynccontextmanager
    async def session(self, topics: Sequence[str]) -> AsyncIterator["Delivery"]:
        yield self

    async def messages(self) -> AsyncIterator[list[Message]]:
        yield [plain("cell/flow", {"v": n, "t": n}) for n in range(100)]

    async def publish(self, topic: str, payload: bytes) -> None:
        raise AssertionError(topic)


def test_readings_of_one_delivery_wait_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_listen, "MOST_WAITING", 10)
    at, sizes = translator(), []

    class Clock:
        def wall_ns(self) -> int:
            return NOW

        def monotonic_ns(self) -> int:
            return NOW

        async def sleep(self, seconds: float) -> None:
            sizes.append(at.size)
            assert list(at.changes(1000))  # they are sealed meanwhile

    listener = Listener(Broker("b", Delivery()), at, cast("AsyncSpool", None), (1, 1000))
    asyncio.run(listener._listen(Clock()))
    assert listener.messages == 100
    assert sizes == [10] * 10
