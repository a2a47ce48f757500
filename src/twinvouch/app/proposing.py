"""Proposing a command from the command line: signed with the principal's key where it lies here, else vouched for by its token."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from twinvouch.adapters.keys import FileSigner
from twinvouch.app.client import Client, token_of
from twinvouch.app.config_model import Config
from twinvouch.core.command import Command, Input
from twinvouch.core.kind import Purpose
from twinvouch.wire.command import nonce_of, write_command
from twinvouch.wire.cose import seal

_OPEN: Final = frozenset({"held", "permitted"})
_EVERY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Said:
    """What was asked for; an input without an entry is meant as it was read last, no `unit` as the tag's own."""

    principal: str
    tag: str
    value: float
    unit: str | None
    inputs: tuple[tuple[str, int | None], ...]
    why: str = ""
    once: str | None = None


def propose(config: Config, said: Said) -> Any:
    """Post it and give the core's answer."""
    plant, who = config.plant.id, said.principal
    inputs = declared(config, who, said.inputs, "commands submit")
    path = config.keys_dir / f"{who}.key"
    if not path.exists():
        body = msgspec.json.encode({**_body(config, said, inputs), "reason": said.why})
        client = Client(config, token_of(config, who))
        return client.post("/commands", body, "application/json", once=said.once)
    nonce = os.urandom(16) if said.once is None else nonce_of(plant, who, said.once)
    what = said.tag, said.value, _unit(config, said)
    command = Command(nonce.hex(), who, *what, time.time_ns(), inputs, said.why)
    content = write_command(command, plant)
    raw = seal(content, signer=FileSigner(path), plant=plant, purpose=Purpose.COMMAND)
    return Client(config).post("/commands", raw)


def try_out(config: Config, said: Said) -> Any:
    """What would become of it; judged as signed where the principal's key lies here."""
    is_signed = (config.keys_dir / f"{said.principal}.key").exists()
    inputs = declared(config, said.principal, said.inputs, "commands simulate")
    body = {**_body(config, said, inputs), "signed": is_signed}
    # the answer comes when the model's does, at most its deadline later
    longest_s = max((each.deadline_ms for each in config.lookahead.values()), default=0) / 1e3
    client = Client(config, token_of(config, said.principal), timeout_s=10.0 + longest_s)
    path, kind = "/commands/simulate", "application/json"
    return client.post(path, msgspec.json.encode(body), kind, purpose="commands simulate")


def wait(config: Config, principal: str, ident: str, limit_s: float) -> Any:
    """The command once nothing can happen to it any more, or as it is after so long."""
    client, until_s = Client(config, token_of(config, principal)), time.monotonic() + limit_s
    while True:
        row = client.get(f"/commands/{ident}", purpose="commands submit")
        if row["status"] not in _OPEN or time.monotonic() >= until_s:
            return row
        time.sleep(_EVERY_S)


def declared(
    config: Config, principal: str, inputs: Iterable[tuple[str, int | None]], purpose: str
) -> tuple[Input, ...]:
    """The declared inputs; those without an entry are asked of the core, which is a read like any other."""
    client, found = None, []
    for tag, entry in inputs:
        newest = entry
        if newest is None:
            client = client or Client(config, token_of(config, principal))
            newest = client.get(f"/tags/{tag}", purpose=purpose)["entry"]
        found.append(Input(tag, 0 if newest is None else newest))  # never read: counts as nothing
    return tuple(found)


def _body(config: Config, said: Said, inputs: tuple[Input, ...]) -> dict[str, Any]:
    rests = [{"tag": i.tag, "entry": i.entry} for i in inputs]
    unit = _unit(config, said)
    return {"tag": said.tag, "value": said.value, "unit": unit, "inputs": rests}


def _unit(config: Config, said: Said) -> str:
    tag = config.tags.get(said.tag)
    return said.unit if said.unit is not None else "" if tag is None else tag.unit
