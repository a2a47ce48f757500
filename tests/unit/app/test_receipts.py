"""Receipts of the toy plant's real core: what is in them, and that no bit of one can be changed."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.claims.site import PLANT, Toy, permits, signer
from twinvouch.adapters.sqlite_state import open_reader
from twinvouch.adapters.vault import Vault
from twinvouch.app import receipts
from twinvouch.core.command import OutcomeStatus
from twinvouch.core.errors import UsageError
from twinvouch.core.statement import Verb
from twinvouch.commands.register import shown
from twinvouch.ledger.checkpoint import VerifierKey
from twinvouch.ledger.receipt import About
from twinvouch.verifier import chain

KEY = VerifierKey(f"{PLANT}/0", signer("log").public_key)
PERSONS = ("ann", "bob")
SIGNERS = [signer(n).public_key for n in ("edge-1", "twin", "actuator-1", "ann", "bob")]


def sources(toy: Toy) -> receipts.Sources:
    return receipts.Sources(toy.directory, KEY, toy.core.state, toy.site.plant.groups, toy.core.vault)


def executed(toy: Toy, tag: str = "valve/opening", value: float = 0.6) -> str:
    """A command from the newest readings that is permitted and carried out; its id."""
    from twinvouch.core.event import Started

    memory = toy.memory
    toy.core.feed(Started(toy.salt(), toy.site.config_digest, toy.site.policy.digest, "b"), toy.now)
    toy.read()
    toy.read(edge="edge-1")
    answer, effects = toy.propose(tag, value)
    assert answer.code == 200, answer.body
    ident = str(answer.body["id"])
    for person in PERSONS * (memory.records[ident].status.value == "held"):
        record = memory.records[ident]
        what = shown(record.command, record.decision)
        _, effects = toy.say(person, Verb.APPROVE, ident, shown=what)
    [permit] = permits(effects)
    toy.report(permit.nonce)
    return ident


def made(toy: Toy, ident: str, *, readings: bool = True) -> bytes:
    from_ = sources(toy)
    ledger = receipts.head(from_)
    if "@" in ident:
        entries, what = receipts.of_reading(ledger, ident), "reading"
    else:
        entries, what = receipts.of_command(ledger, ident, 0, ledger.head.size), "command"
    return receipts.write(from_, About(PLANT, toy.now, what, ident), entries, readings=readings)
