"""Making signed statements on a person's own machine: the key is read here and never sent anywhere."""

import os
import time
from typing import Any

from twinvouch.adapters.keys import FileSigner
from twinvouch.app.client import Client
from twinvouch.app.config_model import Config
from twinvouch.core.disavowal import Disavowal
from twinvouch.core.genesis import Genesis
from twinvouch.core.kind import Purpose
from twinvouch.core.statement import Statement, Verb
from twinvouch.wire.cose import seal
from twinvouch.wire.disavowal import write_disavowal
from twinvouch.wire.genesis import write_genesis
from twinvouch.wire.statement import write_statement

LIFE_NS = 60_000_000_000  # of a statement that takes effect at once


def found(config: Config, genesis: Genesis) -> Any:
    """Sign a genesis as the person it names and post it."""
    return _post(config, genesis.principal, write_genesis(genesis, config.plant.id))


def disavow(config: Config, person: str, subject: str, **more: Any) -> Any:
    """Sign a disavowal as `person` and post it; `more`: since_ns, until_ns, reason, shown (a digest)."""
    now = time.time_ns()
    said = Disavowal(
        principal=person,
        subject=subject,
        since_ns=more["since_ns"],
        until_ns=more["until_ns"],
        reason=more["reason"],
        shown=more["shown"],
        nonce=os.urandom(16),
        made_ns=now,
        expires_ns=now + LIFE_NS,
    )
    return _post(config, person, write_disavowal(said, config.plant.id))


def say(config: Config, person: str, verb: Verb, subject: str, **more: Any) -> Any:
    """Sign a statement as `person` and post it; `more`: reason, shown (bytes), life_ns."""
    now = time.time_ns()
    statement = Statement(
        principal=person,
        verb=verb,
        subject=subject,
        reason=more.get("reason", ""),
        shown=more.get("shown", b""),
        nonce=os.urandom(16),
        made_ns=now,
        expires_ns=now + more.get("life_ns", LIFE_NS),
    )
    return _post(config, person, write_statement(statement, config.plant.id))


def _post(config: Config, person: str, content: bytes) -> Any:
    signer = FileSigner(config.keys_dir / f"{person}.key")
    raw = seal(content, signer=signer, plant=config.plant.id, purpose=Purpose.STATEMENT)
    return Client(config).post("/statements", raw)
