"""C35: a receipt binds readings, decision, permit and outcome; each step of the story can be seen to be refused where it is changed."""

from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import Toy
from tests.unit.app.test_receipts import KEY, SIGNERS, executed, made, rewritten
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
