"""A man in the middle between edge and core: records, tampers, drops, reorders and replays batches.

It is a Transport around a Transport. For each batch that passes it does what was ordered, once; what it
swallows it acknowledges itself, as a real attacker on the path would.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from twinvouch.core.batch import Identity
from twinvouch.core.event import Plain
from twinvouch.core.ports import Transport
from twinvouch.wire.batch import read_header
from twinvouch.wire.cose import unseal

Answer = tuple[int, Mapping[str, Plain]]
_FORGED: Answer = (200, {"status": "admitted"})


class Order(Enum):
    """What to do with the next batch."""

    PASS = auto()
    TAMPER = auto()  # flip one bit of a value
    DROP = auto()  # and tell the edge that it arrived
    HOLD = auto()  # let the one after it go first


@dataclass(frozen=True, slots=True)
class Passed:
    """A batch that came by: what the attacker did with it and what the core said."""

    raw: bytes
    identity: Identity
    order: Order
    status: int = 0  # 0: the core was not asked
    body: Mapping[str, Plain] | None = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the core itself said that it has this batch durably."""
        return (
            self.status == 200 and self.body is not None and self.body.get("status") == "admitted"
        )


class Interceptor:
    """Fits ports.Transport. `passed` is all that came by, oldest first."""

    def __init__(self, core: Transport) -> None:
        self._core = core
        self._order = Order.PASS
        self._held: bytes | None = None
        self._news = asyncio.Event()
        self.passed: list[Passed] = []

    def order(self, order: Order) -> None:
        """Say what happens to the next batch."""
        self._order = order

    async def came_by(self, order: Order, count: int = 0) -> Passed:
        """The next batch, after the first `count`, that was treated so."""
        while True:
            for passed in self.passed[count:]:
                if passed.order is order:
                    return passed
            self._news.clear()
            await self._news.wait()

    async def send(self, path: str, body: bytes) -> Answer:
        """Carry out the order on this batch, or pass it on."""
        order, self._order = self._order, Order.PASS
        if order is Order.DROP:
            return self._note(body, order, _FORGED, asked=False)
        if order is Order.HOLD:
            self._held = body
            return _FORGED
        answer = await self._core.send(path, tampered(body) if order is Order.TAMPER else body)
        self._note(body, order, answer)
        held, self._held = self._held, None
        if held is not None:
            self._note(held, Order.HOLD, await self._core.send(path, held))
        return answer

    async def replay(self, path: str, passed: Passed) -> Answer:
        """Send a batch that came by earlier once more."""
        return await self._core.send(path, passed.raw)

    def _note(self, raw: bytes, order: Order, answer: Answer, *, asked: bool = True) -> Answer:
        identity = read_header(unseal(raw).content).identity
        said = answer if asked else (0, None)
        self.passed.append(Passed(raw, identity, order, *said))
        self._news.set()
        return answer


def tampered(raw: bytes) -> bytes:
    """One bit of the last value flipped: nothing else about the batch changes."""
    at = len(raw) - 9
    return raw[:at] + bytes([raw[at] ^ 0x40]) + raw[at + 1 :]
