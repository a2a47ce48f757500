"""The edge's spool: nothing sealed is lost or reordered, what is full says so, epochs never repeat."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from twinvouch.adapters.key_store import KeyStore
from twinvouch.adapters.spool import Spool
from twinvouch.adapters.vault import Vault
from twinvouch.core.batch import Identity
from twinvouch.core.errors import UnavailableError, UsageError
from twinvouch.wire.encrypted import DAY_NS, is_encrypted


def put(spool: Spool, raw: bytes) -> Identity:
    identity, _ = spool.next
    spool.append(raw, sha256(raw).digest())
    return identity


def test_batches_wait_in_order_until_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", "edge-1")
    assert spool.oldest() is None
    first, second = put(spool, b"one"), put(spool, b"two")
    assert (first, second) == (Identity("edge-1", 1, 0), Identity("edge-1", 1, 1))
    found = spool.oldest()
    assert found is not None
    assert (found.identity, found.raw) == (first, b"one")
    spool.acknowledge(first)
    spool.acknowledge(first)
    found = spool.oldest()
    assert found is not None
    assert found.raw == b"two"
    assert spool.waiting[0] == 1
    spool.close()


def test_the_chain_goes_on_over_a_restart_with_a_new_epoch(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", "edge-1")
    assert spool.next == (Identity("edge-1", 1, 0), bytes(32))
    put(spool, b"one")
    spool.acknowledge(put(spool, b"two"))
    spool.close()
    spool = Spool(tmp_path / "s.db", "edge-1")
    assert spool.next == (Identity("edge-1", 2, 0), sha256(b"two").digest())
    put(spool, b"three")
    found = spool.oldest()
    assert found is not None
    assert found.identity == Identity("edge-1", 1, 0)
    assert spool.waiting[0] == 2
    spool.close()


def test_an_epoch_without_batches_is_used_up_too(tmp_path: Path) -> None:
    for epoch in (1_800_000_000, 1_800_000_001, 1_800_000_002):
        spool = Spool(tmp_path / "s.db", "edge-1", first_epoch=1_800_000_000)
        assert spool.next == (Identity("edge-1", epoch, 0), bytes(32))
        spool.close()


def test_a_full_spool_refuses_what_is_new_and_keeps_what_is_old(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", "edge-1", max_bytes=1_000)
    first = put(spool, bytes(400))
    put(spool, bytes(300))
    before = spool.next
    with pytest.raises(UnavailableError, match="is full: 2 batches, 900 of at most 1000 bytes"):
        put(spool, b"x")
    assert (spool.next, spool.refused) == (before, 1)
    spool.acknowledge(first)
    assert put(spool, bytes(300)) == before[0]
    assert spool.waiting == (2, 800)
    spool.close()


def test_space_on_disk_is_used_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", "edge-1")
    for _ in range(200):
        spool.acknowledge(put(spool, bytes(50_000)))
    assert spool.waiting == (0, 0)
    spool.close()
    assert (tmp_path / "s.db").stat().st_size < 1_000_000


def test_a_failing_disk_keeps_the_chain_where_it_was(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", "edge-1")
    pages = spool._connection.execute("PRAGMA page_count").fetchone()[0]
    spool._connection.execute(f"PRAGMA max_page_count = {pages}")
    before = spool.next
    with pytest.raises(UnavailableError, match="full"):
        put(spool, bytes(50_000))
    assert (spool.next, spool.waiting, spool.refused) == (before, (0, 0), 1)
    spool._connection.execute("PRAGMA max_page_count = 10000")
    assert put(spool, bytes(50_000)) == before[0]
    spool.close()


def test_a_failed_acknowledgement_leaves_the_spool_as_durable_as_before(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", "edge-1")
    first = put(spool, b"x")
    spool._connection.execute(
        "CREATE TRIGGER no BEFORE DELETE ON batch BEGIN SELECT RAISE(ABORT, 'disk'); END"
    )
    with pytest.raises(UnavailableError, match="disk"):
        spool.acknowledge(first)
    assert spool._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert spool.waiting[0] == 1
    spool._connection.execute("DROP TRIGGER no")
    spool.acknowledge(first)
    assert spool._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert spool.waiting == (0, 0)
    spool.close()


def test_a_spool_has_one_opener_and_one_edge(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", "edge-1")
    with pytest.raises(UnavailableError, match="in use"):
        Spool(tmp_path / "s.db", "edge-1")
    spool.close()
    with pytest.raises(UsageError, match="belongs to edge `edge-1`, not to `edge-2`"):
        Spool(tmp_path / "s.db", "edge-2")
    Spool(tmp_path / "s.db", "edge-1").close()


class SpoolMachine(RuleBasedStateMachine):
    """A spool beside a list: whatever happens, restarts included, both hold the same."""

    def __init__(self) -> None:
        super().__init__()
        from tempfile import TemporaryDirectory

        self.directory = TemporaryDirectory()
        self.path = Path(self.directory.name) / "s.db"
        self.spool = Spool(self.path, "e")
        self.expected: list[tuple[Identity, bytes]] = []
        self.seen: set[Identity] = set()
        self.last = bytes(32)

    # a sealed batch begins as COSE does, never as what is encrypted
    @rule(raw=st.binary(max_size=50).filter(lambda raw: not is_encrypted(raw)))
    def append(self, raw: bytes) -> None:
        identity, prev = self.spool.next
        assert prev == self.last
        assert identity not in self.seen
        self.spool.append(raw, sha256(raw).digest())
        self.seen.add(identity)
        self.expected.append((identity, raw))
        self.last = sha256(raw).digest()

    @precondition(lambda self: self.expected)
    @rule()
    def acknowledge(self) -> None:
        self.spool.acknowledge(self.expected.pop(0)[0])

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.path, "e")

    @invariant()
    def holds_the_same(self) -> None:
        oldest = self.spool.oldest()
        found = None if oldest is None else (oldest.identity, oldest.raw)
        assert found == (self.expected[0] if self.expected else None)
        assert self.spool.waiting[0] == len(self.expected)

    def teardown(self) -> None:
        self.spool.close()
        self.directory.cleanup()


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


def test_a_clock_that_runs_back_behind_a_shredded_day_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened() -> Spool:
        vault = Vault(KeyStore(tmp_path / "keys.db", tmp_path / "kek"))
        return Spool(tmp_path / "s.db", "edge-1", vault=vault)

    for day in (20_000, 20_001, 20_000):  # the second start shreds the first day's key
        monkeypatch.setattr("twinvouch.adapters.spool.time.time_ns", lambda at=day * DAY_NS: at)
        spool = opened()
        identity = put(spool, b"one")
        waiting = spool.oldest()
        assert waiting is not None
        assert (waiting.identity, waiting.raw) == (identity, b"one")
        spool.acknowledge(identity)
        spool.close()
