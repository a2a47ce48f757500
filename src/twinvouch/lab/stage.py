"""What an attack may touch and what it may look at, the same with real processes and in memory.

Looking is done with the product's own outputs (its API) and with the plant's journal, never by asking
the attack what it did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twinvouch.core.label import FULL
from twinvouch.core.ports import Signer
from twinvouch.lab.api import Answer, Api
from twinvouch.lab.controller import START_BELOW_M, STOP_ABOVE_M, Hand
from twinvouch.lab.interceptor import Interceptor
from twinvouch.lab.liar import Liar
from twinvouch.lab.net3 import BY_TAG, LEVEL, RUN

NO_SESSION = -1  # a direct write that did not even get a TLS session
EXECUTED = 0
_FAR_M = 0.2  # from the level at which the controller switches: two seconds at least
AGREED_S = 60.0  # so long is waited for a model that is at one with the plant


@dataclass(frozen=True, slots=True)
class Means:
    """What the attackers hold: two places on the path, a stolen service key, a key of their own."""

    liar: Liar
    wire: Interceptor
    insider: Hand
    stranger: Signer


@dataclass(frozen=True, slots=True)
class Write:
    """A write request as the plant's journal has it; `exception` 0 means that it was carried out."""

    peer: str
    table: str
    address: int
    words: tuple[int, ...]
    exception: int


class Stage(Protocol):
    """One run of the demo."""

    @property
    def means(self) -> Means:
        """What attackers hold."""
        ...

    @property
    def api(self) -> Api:
        """The core's API, as the demo's observer."""
        ...

    def seconds(self) -> float:
        """A clock that only goes forward."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let the run go on for a while."""
        ...

    async def send_batch(self, raw: bytes) -> Answer:
        """An attacker posts to the core's ingest directly."""
        ...

    async def direct_write(self, who: str, tag: str, value: float) -> int:
        """An attacker writes to the plant: `visitor` or `nobody` over TLS, or `plain`.

        Gives the Modbus exception, EXECUTED, or NO_SESSION.
        """
        ...

    async def set_legacy_writes(self, *, allowed: bool) -> None:
        """Turn the plant into one that takes plain writes, or back."""
        ...

    def true_value(self, tag: str) -> float:
        """What is really so at the plant: tank levels, pump 10's run, speed and discharge."""
        ...

    def writes(self) -> Sequence[Write]:
        """All write requests that reached the plant, by its own journal."""
        ...


async def entries(stage: Stage) -> int:
    """How many ledger entries there are."""
    status = await stage.api.get("/status", purpose="demo")
    return int(status["entries"])


async def agrees(stage: Stage) -> bool:
    """Whether no tag of the network is in alarm, so that what is found is about the attack.

    At 600 plant seconds a second a busy machine reads a pump minutes before its flow: when one switches, honest tags
    alarm, and a lie told while several do may not be found (docs/reference/demo.md).
    """
    tags = await stage.api.get("/tags", purpose="demo")
    return all(t["label"]["plausibility"] == FULL for t in tags if t["tag"] in BY_TAG)


def is_far(stage: Stage) -> bool:
    """Whether the controller is not about to switch the pump."""
    level, runs = stage.true_value(LEVEL), stage.true_value(RUN) > 0
    return level < STOP_ABOVE_M - _FAR_M if runs else level > START_BELOW_M + _FAR_M


async def found(
    stage: Stage, since: int, rules: Sequence[str], subject: str, within_s: float
) -> Mapping[str, Any] | None:
    """The first finding of one of `rules` about `subject` since that entry; None if none comes in time."""
    until = stage.seconds() + within_s
    while True:
        listed = await stage.api.get("/findings", since=since, limit=1000, purpose="demo")
        for finding in listed:
            if finding["rule"] in rules and finding["subject"] == subject:
                return dict(finding)
        if stage.seconds() >= until:
            return None
        await stage.sleep(0.1)
