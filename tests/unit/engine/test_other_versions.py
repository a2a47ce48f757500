"""Data of another version ends a start with a sentence that says what to do, never with a traceback."""

import pytest

from tests.claims.site import make_site
from tests.unit.engine.tape import DictState, ListLog, Tape
from twinvouch.adapters.committer import recover
from twinvouch.core.errors import ConfigError
from twinvouch.engine import Engine
from twinvouch.wire.cbor import encode

SAYS = "was written by another version"


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("engine", encode([1, 2])),
        ("engine", encode([9, 1, 2, {}, [b"", b"", ""]])),
        ("engine", encode({"size": 3})),
        ("engine", b"\xff"),
        ("link/edge-1", encode([1, "edge-1"])),
        ("command/x", encode([1, 2, 3])),
        ("frame/fast", encode(None)),
        ("findings", encode(7)),
        ("modes", encode([1])),
        ("arrival/x", encode([1])),
        ("something-new", encode([1])),
    ],
)
def test_a_row_of_another_version_is_named(key: str, raw: bytes) -> None:
    with pytest.raises(ConfigError, match=SAYS) as told:
        Engine(make_site()).restore({key: raw})
    assert f"`{key}`" in str(told.value)
    assert told.value.exit_code == 3


@pytest.mark.parametrize("raw", [encode([1, 999, 5]), encode([2, 135, 5, b"s"]), b"", b"\x81\x01"])
def test_a_record_of_another_version_is_named(raw: bytes) -> None:
    tape = Tape()
    tape.wait(1)
    log = ListLog([*tape.core.log.kept, raw])
    with pytest.raises(ConfigError, match=rf"record 1 of the event log .* {SAYS}"):
        recover(Engine(make_site()), log, DictState())
