"""Routes of commands that come in: proposed, and only tried. What is tried changes nothing and leads to no permit."""

import asyncio
import secrets
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import Response

from twinvouch.app.api import explained, guard
from twinvouch.app.api.description import Purpose
from twinvouch.app.api.desk import Desk, peer
from twinvouch.app.api.lane import lane
from twinvouch.app.api.proposal import Proposal, Question, content_of
from twinvouch.app.core import salt
from twinvouch.commands.view import mandatory
from twinvouch.core.command import Decision
from twinvouch.core.errors import UnavailableError
from twinvouch.core.event import CommandProposed
from twinvouch.core.kind import Purpose as Signed
from twinvouch.core.lookahead import Ahead, Foresight, Prediction
from twinvouch.core.site import Site
from twinvouch.engine.foreseeing import answer_of
from twinvouch.engine.memory import Memory
from twinvouch.engine.trial import Trial, begin, conclude, second_asked
from twinvouch.wire.command import nonce_of, read_command
from twinvouch.wire.lookahead import write_question

WAITING: Final = 8  # questions that wait for the one that a model is asked
_SPARE_S: Final = 5.0  # beyond the deadline of the model; its worker is killed long before
Asked = TypeVar("Asked", bound=Proposal)
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="of your own: the same proposal with it again is the same command",
    ),
]


def router(desk: Desk) -> APIRouter:
    """POST /commands and POST /commands/simulate."""
    routes = APIRouter(tags=["in"])

    def site() -> Site:
        return desk.core.engine.memory.site

    @routes.post("/commands")
    async def propose(request: Request, key: Key = None) -> Response:
        """A sealed command (`application/cose`), or JSON with a bearer token (gate 4)."""
        if request.headers.get("content-type", "").startswith("application/cose"):
            if key is not None:
                raise HTTPException(422, "a sealed command has its nonce: send no Idempotency-Key")
            raw, _ = await desk.sealed(request, Signed.COMMAND)
            event = CommandProposed(salt(), peer(request), raw, "")
            return await desk.answer(lane(raw, site(), is_sealed=True), event)
        who = desk.principal_of(request).id
        asked = _decoded(await guard.body_of(request), Proposal)
        plant = desk.plant.id
        nonce = secrets.token_bytes(16) if key is None else nonce_of(plant, who, key)
        content = content_of(asked, plant, who, nonce)
        event = CommandProposed(salt(), peer(request), content, who)
        return await desk.answer(lane(content, site(), is_sealed=False), event)

    _simulate(desk, routes, Turns(desk))
    return routes


def _simulate(desk: Desk, routes: APIRouter, turns: "Turns") -> None:
    @routes.post("/commands/simulate")
    async def simulate(request: Request, purpose: Purpose = "") -> Any:
        """What would become of a command: judged and looked ahead as a proposal is, and nothing comes of it."""
        who = desk.principal_of(request).id
        asked = _decoded(await guard.body_of(request), Question)
        content = content_of(asked, desk.plant.id, who, secrets.token_bytes(16))
        command = read_command(content, desk.plant.id, signed=asked.signed)
        caught: list[tuple[Trial, explained.Around]] = []

        def look(m: Memory) -> None:
            trial = begin(m, command)
            caught.append((trial, explained.around(m, trial.decision)))

        # what look-ahead starts from is no reading of now where that is not trusted, and is none here either
        about = desk.plant.tags.get(command.tag)
        named = (*(() if about is None else mandatory(about)), *(i.tag for i in command.inputs))
        tags = [t for t in dict.fromkeys(named) if t in desk.plant.tags]
        what = f"{asked.value:.9g} {asked.unit}: {purpose}"
        await desk.read(request, "simulate", asked.tag, purpose=what, tags=tags, after=look)
        ((trial, around),) = caught
        return explained.tried(command, await turns.concluded(trial), around)


class Turns:
    """One question of somebody who only looks is at a model at a time, so that commands wait for one at most."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._turn, self._waiting = desk, asyncio.Lock(), 0

    async def concluded(self, trial: Trial) -> Decision:
        """The decision, with what a model says where one is to be asked; UnavailableError where too many wait."""
        if trial.asking is None or not trial.asking.raw:
            return conclude(trial, None)
        if self._waiting >= WAITING:
            raise UnavailableError(f"{WAITING} simulations wait for their model: try again")
        self._waiting += 1
        try:
            async with self._turn:
                seen, why = await self._foreseen(trial.asking.ahead, trial.asking.raw)
                second = await self._by_second(trial, seen)
        finally:
            self._waiting -= 1
        return conclude(trial, seen, why, second)

    async def _by_second(self, trial: Trial, seen: Foresight | None) -> Prediction | None:
        """What the second model says, where it is asked."""
        asked = second_asked(trial, seen)
        if asked is None or trial.asking is None or trial.asking.ahead.second is None:
            return None
        ahead, raw = trial.asking.ahead.second, write_question(asked)
        return Prediction(asked, *await self._foreseen(ahead, raw))

    async def _foreseen(self, ahead: Ahead, raw: bytes) -> tuple[Foresight | None, str]:
        foresee = self._desk.core.foresee
        if foresee is None:
            return None, "this core has no workers"
        limit_s = ahead.deadline_ns / 1e9 + _SPARE_S
        try:
            answer = asyncio.wrap_future(foresee(raw))
            return answer_of(raw, await asyncio.wait_for(answer, limit_s))
        except TimeoutError:
            return None, f"none came within {limit_s:g} s"


def _decoded(raw: bytes, kind: type[Asked]) -> Asked:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise HTTPException(422, f"no command: {error}") from None
