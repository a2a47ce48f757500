"""Giving advice from the command line: signed with the principal's key where it lies here, else vouched for by its token."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from twinvouch.adapters.keys import FileSigner
from twinvouch.app.client import Client, token_of
from twinvouch.app.config_model import Config
from twinvouch.app.proposing import declared
from twinvouch.core.advice import Advice
from twinvouch.core.kind import Purpose
from twinvouch.wire.advice import write_advice
from twinvouch.wire.cose import seal


def recommend(config: Config, principal: str, said: Mapping[str, Any], now_ns: int) -> Any:
    """Post it and give the core's answer; `said`: about, says, value, unit, inputs (tags with an entry, or None for the newest), life_ns."""
    path, until_ns = config.keys_dir / f"{principal}.key", now_ns + said["life_ns"]
    inputs = declared(config, principal, said["inputs"], "advice give")
    about, value, unit = said["about"], said["value"], said["unit"]
    ident, says = os.urandom(16).hex(), said["says"]
    advice = Advice(ident, principal, about, says, value, unit, now_ns, until_ns, inputs)
    content = write_advice(advice, config.plant.id)
    if path.exists():
        signer, plant = FileSigner(path), config.plant.id
        raw = seal(content, signer=signer, plant=plant, purpose=Purpose.ADVICE)
        return Client(config).post("/advice", raw)
    body = {
        "subject": about,
        "says": says,
        "until_ns": until_ns,
        "value": value,
        "unit": unit,
        "inputs": [{"tag": i.tag, "entry": i.entry} for i in inputs],
    }
    client = Client(config, token_of(config, principal))
    return client.post("/advice", msgspec.json.encode(body), "application/json")
