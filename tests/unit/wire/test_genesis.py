"""The content of a genesis: read as written, and nothing else passes as one."""

from dataclasses import replace

import pytest

from twinvouch.core.errors import MalformedError, UsageError
from twinvouch.core.genesis import Genesis
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.genesis import is_genesis, read_genesis, write_genesis
from twinvouch.wire.statement import read_statement

SAID = Genesis("ann", "edge-1", 7, b"\5" * 32, "new disk", b"\6" * 16, 10, 20)


def test_what_was_written_is_read() -> None:
    for said in (SAID, replace(SAID, last=b"", reason="", expires_ns=10)):
        content = write_genesis(said, "net3")
        assert is_genesis(content)
        assert read_genesis(content, "net3") == said


@pytest.mark.parametrize(
    "changes",
    [{"last": b"\5" * 31}, {"nonce": b""}, {"expires_ns": 9}, {"epoch": -1}, {"edge": ""}],
)
def test_what_nobody_would_take_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        write_genesis(replace(SAID, **changes), "net3")  # type: ignore[arg-type]


def test_another_plant_another_kind_and_every_truncation_is_malformed() -> None:
    content = write_genesis(SAID, "net3")
    with pytest.raises(MalformedError):
        read_genesis(content, "net4")
    with pytest.raises(MalformedError):
        read_statement(content, "net3")
    items = decode(content)
    assert isinstance(items, list)
    items[1] = 4
    with pytest.raises(MalformedError):
        read_genesis(encode(items), "net3")
    for end in range(len(content)):
        with pytest.raises(MalformedError):
            read_genesis(content[:end], "net3")
