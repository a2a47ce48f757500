"""A service that proposes commands, and persons who approve, reject, distrust, restore, disavow and set modes.

They stand outside the faults that kill processes, but their messages travel like all others. A request that
got no answer is sent again, the same bytes: that must never execute twice.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from twinvouch.app.simulation.core import CoreLife
from twinvouch.app.simulation.network import Answer, Network
from twinvouch.app.simulation.site import LEVEL, PERSONS, PLANT, PUMP, SERVICE, VALVE, signer
from twinvouch.commands.register import Record, shown
from twinvouch.core.command import Command, CommandStatus, Input
from twinvouch.core.disavowal import Disavowal, Stage
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import QueryAsked
from twinvouch.core.inventory import key_id
from twinvouch.core.kind import Purpose
from twinvouch.core.mode import Rung
from twinvouch.core.site import SECOND
from twinvouch.core.statement import Statement, Verb
from twinvouch.engine import glass, modes
from twinvouch.engine.disavowals import Disavowed
from twinvouch.engine.restoring import known
from twinvouch.engine.restoring import shown as shown_of
from twinvouch.lab.virtual_time import VirtualClock
from twinvouch.wire.command import write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.disavowal import write_disavowal
from twinvouch.wire.statement import write_statement

STEPS = (
    4096  # every command has a value of its own, a multiple of 1/4096: a float32 holds it exactly
)


@dataclass(slots=True)
class People:
    """Everybody who speaks to the core; `core` gives the life that runs now, None while none does."""

    network: Network
    clock: VirtualClock
    chance: random.Random
    core: Callable[[], CoreLife | None]
    heard: Callable[[str, bytes, Answer], None]
    steps: list[int]
    commands: int = 0
    statements: int = 0

    async def propose(self) -> None:
        """Commands one after the other, some outside the limits."""
        while True:
            await asyncio.sleep(0.2 + 0.4 * self.chance.random())
            core = self.core()
            if core is None or not self.steps or core.engine.memory.frame.entry(LEVEL) < 0:
                continue
            if self.chance.random() < 0.3:
                question = ("readTags", "*", "control", (LEVEL,))
                core.submit(QueryAsked(self.chance.randbytes(16), SERVICE, *question))
            frame = core.engine.memory.frame
            tag = self.chance.choice((VALVE, VALVE, PUMP))
            value = self.steps.pop() / STEPS
            inputs = (Input(LEVEL, frame.entry(LEVEL)),)
            command = Command(
                self.chance.randbytes(16).hex(),
                SERVICE,
                tag,
                value,
                "1",
                self.clock.wall_ns(),
                inputs,
            )
            self.commands += 1
            raw = seal(
                write_command(command, PLANT),
                signer=signer(SERVICE),
                plant=PLANT,
                purpose=Purpose.COMMAND,
            )
            await self._send(SERVICE, "/api/v1/commands", raw)

    async def speak(self, person: str) -> None:
        """Approve or reject what is held; now and then distrust a sensor, an edge or a key, and restore it."""
        while True:
            await asyncio.sleep(0.4 + 0.6 * self.chance.random())
            core = self.core()
            if core is None:
                continue
            records = core.engine.memory.records.values()
            held = [r for r in records if r.status is CommandStatus.HELD]
            if held and self.chance.random() < 0.8:
                await self._judge(person, self.chance.choice(held))
            elif waiting := [
                d for d in core.engine.memory.disavowals.values() if d.stage is Stage.WAITING
            ]:
                await self._decide(person, self.chance.choice(waiting))
            elif self.chance.random() < 0.12:
                await self._doubt(person, core)
            elif self.chance.random() < 0.08:
                await self._disavow(person)

    async def _doubt(self, person: str, core: CoreLife) -> None:
        """Distrust something, or restore what is distrusted, as it is known now."""
        m = core.engine.memory
        if m.distrusted and self.chance.random() < 0.5:
            subject = self.chance.choice(list(m.distrusted))
            await self._say(person, Verb.RESTORE, subject, shown_of(known(m, subject)))
            return
        owner = self.chance.choice((*m.site.plant.edges, SERVICE, *PERSONS))
        key = key_id(signer(owner).public_key).hex()
        edge = self.chance.choice(list(m.site.plant.edges))
        subject = self.chance.choice((LEVEL, LEVEL, edge, key))
        await self._say(person, Verb.DISTRUST, subject, b"")

    async def _decide(self, person: str, d: Disavowed) -> None:
        """Confirm or reject what waits, whoever said it."""
        assert d.traced is not None
        verb = self.chance.choice((Verb.CONFIRM, Verb.CONFIRM, Verb.REJECT))
        await self._say(person, verb, d.id, d.traced.digest)

    async def _disavow(self, person: str) -> None:
        """Say that the last seconds were bad."""
        made = self.clock.wall_ns()
        since = made - self.chance.randrange(1, 6) * SECOND
        nonce = self.chance.randbytes(16)
        subject = self.chance.choice((LEVEL, "edge-1"))
        words = Disavowal(
            person, subject, since, made - SECOND, "simulated", bytes(32), nonce, made, made + 3 * SECOND,
        )  # fmt: skip
        await self._send_statement(person, write_disavowal(words, PLANT))

    async def move(self, person: str, chance: random.Random) -> None:
        """Set the mode of valve or pump now and then: down mostly to come up again, and asking for autonomy."""
        while True:
            await asyncio.sleep(0.5 + 1.5 * chance.random())
            core = self.core()
            if core is None:
                continue
            asset = chance.choice((VALVE, PUMP)).partition("/")[0]
            if chance.random() < 0.2:
                await self._glass(person, asset, core, chance)
                continue
            mode = core.engine.memory.mode_of(asset)
            up = (Verb.SUPERVISED, Verb.AUTONOMOUS)
            verbs = up if mode.rung > Rung.SUPERVISED else (*up, Verb.ADVISORY, Verb.READ_ONLY)
            await self._say(person, chance.choice(verbs), asset, modes.shown(asset, mode))

    async def _glass(self, person: str, asset: str, core: CoreLife, chance: random.Random) -> None:
        """Ask for break-glass or agree to it; close what is open, mostly leaving it to time."""
        asked = core.engine.memory.glasses.get(asset)
        is_open = asked is not None and bool(asked.second)
        verb = Verb.CLOSE_GLASS if is_open and chance.random() < 0.5 else Verb.BREAK_GLASS
        await self._say(person, verb, asset, b"" if asked is None else glass.shown(asked))

    async def _judge(self, person: str, record: Record) -> None:
        if self.chance.random() < 0.85:
            await self._say(
                person, Verb.APPROVE, record.command.id, shown(record.command, record.decision)
            )
        else:
            await self._say(person, Verb.REJECT, record.command.id, b"")

    async def _say(self, person: str, verb: Verb, subject: str, digest: bytes) -> None:
        made = self.clock.wall_ns()
        nonce = self.chance.randbytes(16)
        words = Statement(
            person, verb, subject, "simulated", digest, nonce, made, made + 3 * SECOND
        )
        await self._send_statement(person, write_statement(words, PLANT))

    async def _send_statement(self, person: str, content: bytes) -> None:
        self.statements += 1
        raw = seal(content, signer=signer(person), plant=PLANT, purpose=Purpose.STATEMENT)
        await self._send(person, "/api/v1/statements", raw)

    async def _send(self, name: str, path: str, raw: bytes) -> None:
        """Send, and once more where nothing was heard."""
        for _ in range(2):
            try:
                self.heard(path, raw, await self.network.request(name, path, raw))
            except UnavailableError:
                continue
            return
