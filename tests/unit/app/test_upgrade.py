"""What docs/how-to/upgrade.md promises of two releases that meet: what is taken, and what is refused, never guessed."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.claims.site import PLANT, Toy, make_site, signer
from tests.unit.app.test_core import batches, make
from tests.unit.wire import samples
from twinvouch.adapters.committer import Committer, recover, take
from twinvouch.adapters.segment_log import SegmentLog
from twinvouch.adapters.sqlite_state import SqliteState
from twinvouch.app import core as core_module
from twinvouch.app.core import BUILD
from twinvouch.core.errors import ConfigError, MalformedError
from twinvouch.core.event import BatchReceived, Priority, Started
from twinvouch.core.kind import Purpose
from twinvouch.engine import Engine
from twinvouch.wire.cbor import decode, encode
from twinvouch.wire.command import read_command, write_command
from twinvouch.wire.cose import seal
from twinvouch.wire.manifest import read_manifest, write_manifest
from twinvouch.wire.outcome import read_outcome, write_outcome
from twinvouch.wire.permit import read_permit, write_permit
from twinvouch.wire.statement import read_statement, write_statement

NEXT = "twinvouch 99.0.0"


def test_after_a_clean_stop_another_build_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raws = batches(tmp_path, 2)
    old = make(tmp_path)
    old.start()
    old.submit(Priority.READING, BatchReceived(b"1" * 16, "p", raws[0])).result(20)
    old.stop()
    monkeypatch.setattr(core_module, "BUILD", NEXT)
    new = make(tmp_path)
    new.start()
    again = new.submit(Priority.READING, BatchReceived(b"2" * 16, "p", raws[0])).result(20)
    more = new.submit(Priority.READING, BatchReceived(b"3" * 16, "p", raws[1])).result(20)
    assert (again.body["status"], more.body["status"]) == ("duplicate", "admitted")
    assert new.recovered == 0
    assert new.engine.memory.runs_with[2] == NEXT
    new.stop()


def test_after_a_crash_another_build_refuses_and_names_both(tmp_path: Path) -> None:
    log, state = SegmentLog(tmp_path / "log"), SqliteState(tmp_path / "state.db")
    committer, engine = Committer(log, state), Engine(make_site())
    site = engine.memory.site
    started = Started(bytes(16), site.config_digest, site.policy.digest, BUILD)
    committer.commit([take(engine, started, time.time_ns())], engine.drain())
    raw = batches(tmp_path, 1)[0]
    committer.commit([take(engine, BatchReceived(bytes(16), "p", raw), time.time_ns())], None)
    # the state never saw the batch: a crash
    with pytest.raises(ConfigError) as told:
        recover(Engine(site), log, state, NEXT)
    assert told.value.exit_code == 3
    for words in (BUILD, NEXT, "Start once as it was, stop, then start with the change"):
        assert words in str(told.value)
    assert recover(Engine(site), log, state, BUILD) == 1
    assert recover(Engine(site), log, state, NEXT) == 0
    log.close()
    state.close()


CONTENTS: dict[str, tuple[bytes, Any]] = {
    "permit": (write_permit(samples.PERMIT), read_permit),
    "command": (
        write_command(samples.COMMAND, samples.PLANT),
        lambda raw: read_command(raw, samples.PLANT, signed=True),
    ),
    "statement": (
        write_statement(samples.STATEMENT, samples.PLANT),
        lambda raw: read_statement(raw, samples.PLANT),
    ),
    "outcome": (
        write_outcome(samples.OUTCOME, samples.PLANT),
        lambda raw: read_outcome(raw, samples.PLANT),
    ),
    "manifest": (
        write_manifest(samples.MANIFEST, samples.PLANT),
        lambda raw: read_manifest(raw, samples.PLANT),
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_version_or_kind_of_a_later_release_is_refused(name: str) -> None:
    raw, read = CONTENTS[name]
    assert read(raw) is not None
    content: Any = decode(raw)
    for changed in ([99, *content[1:]], [content[0], 99, *content[2:]], [*content, 0]):
        with pytest.raises(MalformedError):
            read(encode(changed))


def test_a_batch_of_a_later_release_is_refused_and_the_stream_goes_on(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    content: Any = decode(toy.content())
    later = encode([99, *content[1:]])
    raw = seal(later, signer=signer("edge-1"), plant=PLANT, purpose=Purpose.READINGS)
    assert toy.send(raw).code in {401, 422}
    assert toy.read().code == 200
    toy.core.close()
