"""C35: a receipt binds readings, decision, permit and outcome; each step of the story can be seen to be refused where it is changed."""

from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import Toy
from tests.unit.app.test_receipts import KEY, SIGNERS, executed, made, rewritten
from twinvouch.core.event import Started
from twinvouch.core.statement import Verb
from twinvouch.verifier import chain
from twinvouch.wire.cbor import decode, encode


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.mark.parametrize(
    ("said", "lie"), [(b"done", b"dome"), (b"tank/level", b"tank/levul"), (b"allow", b"hello")]
)
def test_c35_no_word_of_the_story_can_be_another(toy: Toy, said: bytes, lie: bytes) -> None:
    raw = made(toy, executed(toy))
    assert chain.verify(raw, KEY.text(), signers=SIGNERS).ok
    assert said in raw

    def change(top: list[Any]) -> None:
        found: Any = decode(encode(top).replace(said, lie))
        top[:] = found

    fault = chain.verify(rewritten(raw, change), KEY.text(), signers=SIGNERS).fault
    assert fault is not None
    assert fault.place.startswith("entry")


def test_c35_who_may_not_read_gets_nothing_opened(toy: Toy) -> None:
    """What the API gives without `readTags`: the story holds, and no bytes of a batch are in it."""
    ident = executed(toy)
    raw = made(toy, ident, readings=False)
    found = chain.verify(raw, KEY.text())
    assert found.ok, found.fault
    assert found.receipt is not None
    batches = [link for link in found.receipt.links if link.kind == 65]
    assert batches
    assert all(link.content is None and not link.blobs for link in batches)


@pytest.mark.parametrize(
    ("verb", "subject", "word"),
    [(Verb.READ_ONLY, "pump", "mode of pump"), (Verb.DISTRUST, "tank/level", "says distrust")],
)
def test_c35_a_command_that_was_judged_again_tells_what_for(
    toy: Toy, verb: Verb, subject: str, word: str
) -> None:
    begun = Started(toy.salt(), toy.site.config_digest, toy.site.policy.digest, "test")
    toy.core.feed(begun, toy.now)
    toy.read()
    ident = str(toy.propose("pump/run", 1.0)[0].body["id"])
    toy.say("bob", verb, subject)
    found = chain.verify(made(toy, ident), KEY.text(), signers=SIGNERS)
    assert found.ok, found.fault
    assert any(word in line for line in found.story), found.story
