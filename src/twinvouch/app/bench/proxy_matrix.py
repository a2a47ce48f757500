"""Whether anything gets past the guard proxy: every cut of every pair of requests, every function code, two clients at once.

The oracle is the controller: what it saw that is no read, less the permits that the actuator spent, must be nothing. Every
matrix runs twice, before a core that permits everything and before one that denies everything; then nothing at all may
arrive. Requests go into the proxy as pieces of a stream, exactly as cut, behind them is everything that a plant has.
"""

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from twinvouch.adapters.modbus_front import Client
from twinvouch.app.bench.proxy_site import ProxySite, running
from twinvouch.wire.modbus_guard import NAMED
from twinvouch.wire.modbus_stream import Stream, write_frame

# one request for each function code that is handled by name, all addressing what is there
REQUESTS: Final = {
    1: "01 0000 0008",
    2: "02 0000 0008",
    3: "03 000a 0002",
    4: "04 0000 0004",
    5: "05 0003 ff00",
    6: "06 0014 0007",
    7: "07",
    8: "08 0000 a537",
    11: "0b",
    12: "0c",
    15: "0f 0003 0001 01 01",
    16: "10 000a 0002 04 4248 0000",
    17: "11",
    20: "14 07 06 0004 0001 0002",
    21: "15 09 06 0004 0007 0001 0607",
    22: "16 001e ffef 0010",
    23: "17 000a 0002 0028 0002 04 0005 0006",
    24: "18 04de",
    43: "2b 0e 01 00",
}
# three that nobody knows; one carries a whole frame that would write
UNKNOWN: Final = {
    9: "09 0014 0007",
    65: "41 0002 0000 0006 01 06 0014 0007",
    100: "64",
}
PIECES: Final = ("", "0014 0007", "0014 0001 02 0007")  # what follows each of the 256 codes
PATIENCE_S: Final = 10.0
_MOST_SHOWN = 20


class Pipe:
    """A client's transport without a socket: what the proxy answers."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.is_closed = False
        self.came = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Take an answer."""
        self.sent += data
        self.came.set()

    def get_extra_info(self, name: str) -> None:
        """No certificate."""
        del name

    def set_write_buffer_limits(self, high: int) -> None:
        """Any."""
        del high

    def is_closing(self) -> bool:
        """Whether the proxy has ended it."""
        return self.is_closed

    def close(self) -> None:
        """The proxy ends it."""
        self.is_closed = True
        self.came.set()

    abort = close

    def pause_reading(self) -> None:
        """The client waits."""

    def resume_reading(self) -> None:
        """It goes on."""


class Speaker:
    """One client that sends pieces exactly as they are cut."""

    def __init__(self, site: ProxySite) -> None:
        self.pipe = cast("Any", Pipe())
        self.protocol = Client(site.proxy.fronts[0])
        self.protocol.connection_made(self.pipe)

    def say(self, piece: bytes) -> None:
        """One piece, as one read of a socket would bring it."""
        while piece and not self.pipe.is_closed:
            room = self.protocol.get_buffer(-1)
            size = min(len(room), len(piece))
            room[:size] = piece[:size]
            self.protocol.buffer_updated(size)
            piece = piece[size:]

    async def hear(self, transactions: Sequence[int], functions: Sequence[int]) -> str:
        """Wait for the answers; what is wrong with them, or nothing."""
        pipe = self.pipe
        try:
            async with asyncio.timeout(PATIENCE_S):
                while len(got := Stream().feed(bytes(pipe.sent))) < len(transactions):
                    if pipe.is_closed:
                        return "the connection was ended"
                    pipe.came.clear()
                    await pipe.came.wait()
        except TimeoutError:
            return "no answer"
        pipe.sent.clear()
        expected = [(t, f & 0x7F) for t, f in zip(transactions, functions, strict=True)]
        found = [(f.transaction, f.function) for f in got]
        return "" if found == expected else f"answers {found}, expected {expected}"

    def leave(self) -> None:
        """Go away."""
        self.protocol.connection_lost(None)


@dataclass
class Tally:
    """What one matrix gave."""

    cases: int = 0
    bypasses: int = 0
    unanswered: int = 0
    permitted_writes: int = 0
    shown: list[str] = field(default_factory=list)

    def note(self, case: str, site: ProxySite, wrong: str) -> None:
        """Judge one case by the controller, and by its answers."""
        self.cases += 1
        past = site.oracle()
        self.bypasses += len(past)
        self.unanswered += bool(wrong)
        self.permitted_writes += len(site.spent)
        if (past or wrong) and len(self.shown) < _MOST_SHOWN:
            self.shown.append(f"{case}: {past} {wrong}")
        site.forget()


def requests() -> dict[int, bytes]:
    """PDUs by function code: the named ones, and three unknown."""
    assert REQUESTS.keys() == NAMED
    return {code: bytes.fromhex(text) for code, text in (REQUESTS | UNKNOWN).items()}


async def cuts(site: ProxySite, tally: Tally, first: bytes, second: bytes, step: int = 1) -> None:
    """An ordered pair of requests on one connection, cut at every `step`-th place."""
    both = write_frame(7, 1, first) + write_frame(8, 1, second)
    speaker = Speaker(site)
    for at in range(1, len(both) + 1, step):
        speaker.say(both[:at])
        await asyncio.sleep(0)
        speaker.say(both[at:])
        wrong = await speaker.hear((7, 8), (first[0], second[0]))
        await site.core.idle()
        tally.note(f"{first.hex()}+{second.hex()} cut at {at}", site, wrong)
    speaker.leave()


async def interleaved(
    site: ProxySite, tally: Tally, first: bytes, second: bytes, step: int = 1
) -> None:
    """Two clients with the same transaction: one says all of its request while the other is in the middle of its own."""
    mine, theirs = write_frame(7, 1, first), write_frame(7, 1, second)
    one, two = Speaker(site), Speaker(site)
    for at in range(1, len(mine), step):
        one.say(mine[:at])
        two.say(theirs[: len(theirs) // 2])
        await asyncio.sleep(0)
        one.say(mine[at:])
        two.say(theirs[len(theirs) // 2 :])
        wrong = await one.hear((7,), (first[0],)) or await two.hear((7,), (second[0],))
        await site.core.idle()
        tally.note(f"{first.hex()} beside {second.hex()} cut at {at}", site, wrong)
    one.leave()
    two.leave()


async def codes(site: ProxySite, tally: Tally) -> None:
    """Each of the 256 function codes alone, bare and with what a write would say; and to unit 0 and one that is none."""
    for code in range(256):
        for piece in PIECES:
            for unit in (1, 0, 9):
                speaker = Speaker(site)
                speaker.say(write_frame(7, unit, bytes((code,)) + bytes.fromhex(piece)))
                wrong = await speaker.hear((7,), (code,))
                await site.core.idle()
                tally.note(f"code {code} {piece} unit {unit}", site, wrong)
                speaker.leave()


async def matrix(site: ProxySite, tally: Tally, step: int = 1) -> None:
    """All of it, before the core as it is told now."""
    said = list(requests().values())
    for first in said:
        for second in said:
            await cuts(site, tally, first, second, step)
            await interleaved(site, tally, first, second, step)
    await codes(site, tally)


async def _whole(step: int) -> dict[str, Tally]:
    tallies = {"permit": Tally(), "deny": Tally()}
    with tempfile.TemporaryDirectory(prefix="twinvouch-proxy-", dir=_memory()) as name:
        async with running(Path(name)) as site:
            for says, tally in tallies.items():
                site.core.says = says
                await matrix(site, tally, step)
    return tallies


def _memory() -> str | None:
    """A directory in memory where there is one: what is measured here is not the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def run(step: int = 1) -> dict[str, float | int | str]:
    """`proxy_bypasses`, and over how many cases; `proxy_unanswered`: requests without their answer."""
    log = logging.getLogger("twinvouch")
    level = log.level
    log.setLevel(logging.CRITICAL)  # thousands of refusals are no news
    try:
        tallies = asyncio.run(_whole(step))
    finally:
        log.setLevel(level)
    both = list(tallies.values())
    figures: dict[str, float | int | str] = {
        "proxy_bypasses": sum(t.bypasses for t in both),
        "proxy_cases": sum(t.cases for t in both),
        "proxy_requests": len(requests()),
        "proxy_unanswered": sum(t.unanswered for t in both),
        "proxy_permits_spent": tallies["permit"].permitted_writes,
        "proxy_permits_spent_when_denied": tallies["deny"].permitted_writes,
    }
    if shown := [line for t in both for line in t.shown]:
        figures["proxy_shown"] = " | ".join(shown)
    return figures
