"""Tricks of the range: permits that are replayed or forged, approvals that do not count, statements that are meant to blind or to unlock.

The orders of the scenario are what they carry; how each ended is counted by the rule or sentence that stopped it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from twinvouch.core.kind import Purpose
from twinvouch.core.statement import Verb
from twinvouch.lab.range.plants import Wish
from twinvouch.lab.range.scenario import Scenario, Trick
from twinvouch.lab.range.site import CLERK, LEAD, OPERATOR, OPTIMIZER, SECOND_LEAD, signer
from twinvouch.lab.range.stage import Stage, Worker
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.cose import seal, unseal

BEFORE: Final = 6  # steps before the attack in which permits are come by
HOURLY: Final = 12
_NONCE: Final = 16  # place in the content of a permit
Order = Callable[[Wish], str]


class Tricks:
    """Those of one run. `order` proposes a wish of the hostile service and gives the command's id."""

    def __init__(self, scenario: Scenario, stage: Stage, order: Order) -> None:
        self._scenario, self._stage, self._order = scenario, stage, order
        self._kept: list[bytes] = []
        self._asked: list[str] = []
        self.ends: dict[str, int] = {}

    def before(self, since: int, wishes: Sequence[Wish]) -> None:
        """In an honest hour: permits for what will be wanted."""
        wanted = {Trick.REPLAYED_PERMIT, Trick.FORGED_PERMIT} & self._scenario.tricks
        if wanted and since == -BEFORE:
            first = len(self._stage.permits)
            for wish in wishes:
                self._order(wish)
            self._kept = self._stage.permits[first:]

    def play(self, since: int, wishes: Sequence[Wish]) -> bool:
        """In this step; True where the wishes are carried by the trick alone."""
        tricks, is_carried = self._scenario.tricks, False
        for trick, (plays, carries) in _PLAYS.items():
            if trick in tricks:
                plays(self, since, wishes)
                is_carried |= carries
        return is_carried

    def _end(self, told: str) -> None:
        self.ends[told] = self.ends.get(told, 0) + 1

    def _replays(self, _since: int, _wishes: Sequence[Wish]) -> None:
        for raw in self._kept:
            self._end(self._stage.carry(raw) or "written")

    def _forges(self, _since: int, _wishes: Sequence[Wish]) -> None:
        for raw in self._kept:
            for forged in (self._changed(raw, "thief"), _broken(raw)):
                self._end(self._stage.carry(forged)[:60] or "written")

    def _changed(self, raw: bytes, name: str) -> bytes:
        """The same permit with a nonce of its own, under another key."""
        content: Any = decode(unseal(raw).content)
        content[_NONCE] = bytes(b ^ 1 for b in content[_NONCE])
        plant = self._stage.site.plant.id
        return seal(encode(content), signer=signer(name), plant=plant, purpose=Purpose.PERMIT)

    def _approves(self, since: int, wishes: Sequence[Wish], *, twice: bool) -> None:
        """Held for two persons: the first says yes for a minute, the other one, or he himself, five minutes later."""
        for ident in self._asked:
            self._stage.say(LEAD if twice else SECOND_LEAD, Verb.APPROVE, ident, 60.0)
            status = self._stage.status(ident)
            self._end("none" if status is None else status.value)
        self._asked = []
        if since % 3 == 0:
            self._asked = [self._order(w) for w in wishes]
            for ident in self._asked:
                self._stage.say(LEAD, Verb.APPROVE, ident, 60.0 if not twice else 3_600.0)

    def _approves_late(self, since: int, wishes: Sequence[Wish]) -> None:
        self._approves(since, wishes, twice=False)

    def _approves_twice(self, since: int, wishes: Sequence[Wish]) -> None:
        self._approves(since, wishes, twice=True)

    def _poisons(self, _since: int, wishes: Sequence[Wish]) -> None:
        self._with(Worker.LYING, wishes)

    def _kills(self, _since: int, wishes: Sequence[Wish]) -> None:
        self._with(Worker.DEAD, wishes)

    def _with(self, worker: Worker, wishes: Sequence[Wish]) -> None:
        self._stage.worker(worker)
        for wish in wishes:
            status = self._stage.status(self._order(wish))
            self._end("none" if status is None else status.value)
        self._stage.worker(Worker.HONEST)

    def _distrusts(self, since: int, _wishes: Sequence[Wish]) -> None:
        """Every station that tells of the plant's state, again every hour."""
        if since % HOURLY:
            return
        plant = self._stage.site.plant
        levers = {t.group for t in plant.tags.values() if t.is_actuator}
        for edge in plant.edges.values():
            if not levers & set(edge.groups):
                code = self._stage.say(CLERK, Verb.DISTRUST, edge.principal, 4_000.0)
                self._end("distrusted" if code == 200 else f"refused {code}")

    def _raises(self, since: int, _wishes: Sequence[Wish]) -> None:
        """Autonomy for every asset that it wants to move, so that nobody has to approve."""
        if since % HOURLY:
            return
        for asset in sorted({t.asset for t in self._stage.site.plant.tags.values() if t.is_actuator}):  # fmt: skip
            code = self._stage.say(CLERK, Verb.AUTONOMOUS, asset, 4_000.0)
            self._end("raised" if code == 200 else f"refused {code}")

    def _tickets(self, since: int, _wishes: Sequence[Wish]) -> None:
        """Work is announced on everything that lies."""
        if since % HOURLY:
            return
        for lie in self._scenario.lies:
            for tag in getattr(lie, "tags", ()):
                code = self._stage.say(CLERK, Verb.RECALIBRATION, tag, 4_000.0)
                self._end("announced" if code == 200 else f"refused {code}")

    def _pretends(self, _since: int, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            ident = self._stage.propose(OPERATOR, wish, key=OPTIMIZER)
            status = self._stage.status(ident)
            self._end("refused" if status is None else status.value)


def _broken(raw: bytes) -> bytes:
    """A bit of what was signed is another."""
    place = len(raw) // 2
    return raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :]


_PLAYS: Final[Mapping[Trick, tuple[Callable[[Tricks, int, Sequence[Wish]], None], bool]]] = {
    Trick.REPLAYED_PERMIT: (Tricks._replays, True),  # noqa: SLF001
    Trick.FORGED_PERMIT: (Tricks._forges, True),  # noqa: SLF001
    Trick.EXPIRED_APPROVAL: (Tricks._approves_late, True),  # noqa: SLF001
    Trick.TWICE: (Tricks._approves_twice, True),  # noqa: SLF001
    Trick.POISONED: (Tricks._poisons, True),  # noqa: SLF001
    Trick.KILLED: (Tricks._kills, True),  # noqa: SLF001
    Trick.DISTRUSTS: (Tricks._distrusts, False),  # noqa: SLF001
    Trick.RAISES_MODE: (Tricks._raises, False),  # noqa: SLF001
    Trick.TICKETS: (Tricks._tickets, False),  # noqa: SLF001
    Trick.NOT_OWNER: (Tricks._pretends, True),  # noqa: SLF001
}
